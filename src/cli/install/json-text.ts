// Changes to the text of a JSON document that leave everything else as it is: order, indentation, numbers as they were
// written. Pure.

export type JsonPath = readonly (string | number)[];

/** The text is not JSON. */
export class JsonTextError extends Error {
  override readonly name = "JsonTextError";
}

interface Item {
  /** Undefined in a list. */
  readonly key: string | undefined;
  /** Where the item begins: its key in an object, its value in a list. */
  readonly start: number;
  readonly value: Node;
}

interface Node {
  readonly start: number;
  /** The place behind it. */
  readonly end: number;
  /** Undefined for what is neither object nor list. */
  readonly items: readonly Item[] | undefined;
}

/**
 * Adds a value to an object, behind its other members, or to the end of a list (the last step of the path is then ignored). In
 * an empty one it begins on a line of its own at the top of the document only: elsewhere that tells one which was made together
 * with its content from one which was there before ({@link isAloneOnItsLine}).
 */
export function insertJson(text: string, path: JsonPath, value: unknown): string {
  const parent = find(parse(text), path.slice(0, -1));
  const step = path.at(-1);
  const items = parent?.items;
  if (parent === undefined || items === undefined || step === undefined) {
    throw new JsonTextError(`there is no object or list at ${path.slice(0, -1).join(".")}`);
  }
  const unit = indentationOf(text);
  const depth = path.length;
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const lineBreak = `${end}${unit.repeat(depth)}`;
  const isObject = text.charAt(parent.start) === "{";
  const key = isObject ? `${JSON.stringify(String(step))}: ` : "";
  const added = `${key}${JSON.stringify(value, null, unit).replaceAll("\n", lineBreak)}`;
  const last = items.at(-1);
  if (last === undefined) {
    return depth === 1
      ? splice(text, parent.end - 1, parent.end - 1, `${lineBreak}${added}${end}`)
      : splice(text, parent.start + 1, parent.start + 1, added);
  }
  const isOneLine = !text.slice(parent.start, parent.end).includes("\n");
  return splice(text, last.value.end, last.value.end, `,${isOneLine ? " " : lineBreak}${added}`);
}

/** Puts another value in the place of one. */
export function replaceJson(text: string, path: JsonPath, value: unknown): string {
  const node = find(parse(text), path);
  if (node === undefined) {
    throw new JsonTextError(`there is nothing at ${path.join(".")}`);
  }
  return splice(text, node.start, node.end, JSON.stringify(value));
}

/** Whether something is the only member of its object or element of its list, and begins on a line of its own. */
export function isAloneOnItsLine(text: string, path: JsonPath): boolean {
  const parent = find(parse(text), path.slice(0, -1));
  const [item, ...others] = parent?.items ?? [];
  return (
    parent !== undefined &&
    item !== undefined &&
    others.length === 0 &&
    text.slice(parent.start, item.start).includes("\n")
  );
}

/**
 * Takes a member out of its object, or an element out of its list, with its comma and the space that {@link insertJson} has put
 * around it.
 */
export function removeJson(text: string, path: JsonPath): string {
  const parent = find(parse(text), path.slice(0, -1));
  const items = parent?.items ?? [];
  const index = indexOf(items, path.at(-1));
  const [before, item, after] = [items[index - 1], items[index], items[index + 1]];
  if (parent === undefined || item === undefined) {
    throw new JsonTextError(`there is nothing at ${path.join(".")}`);
  }
  if (before !== undefined) {
    return splice(text, before.value.end, item.value.end, "");
  }
  if (after !== undefined) {
    return splice(text, item.start, after.start, "");
  }
  const space = text.slice(parent.start + 1, item.start);
  const [line] = /\r?\n[ \t]*$/.exec(space) ?? [];
  return line === undefined
    ? splice(text, parent.start + 1, item.value.end, "")
    : splice(text, item.start - line.length, parent.end - 1, "");
}

function splice(text: string, start: number, end: number, added: string): string {
  return text.slice(0, start) + added + text.slice(end);
}

/** The white space that the first indented line has, else two spaces. */
function indentationOf(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
}

function find(root: Node, path: JsonPath): Node | undefined {
  let node: Node | undefined = root;
  for (const step of path) {
    const items: readonly Item[] = node?.items ?? [];
    node = items[indexOf(items, step)]?.value;
  }
  return node;
}

/** Of members with one name the last one counts, as for JSON.parse. */
function indexOf(items: readonly Item[], step: string | number | undefined): number {
  return typeof step === "number"
    ? step
    : items.findLastIndex(({ key }) => key !== undefined && key === step);
}

/** The document, behind its byte order mark if it has one. @throws {JsonTextError} */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new JsonTextError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Where everything stands. */
function parse(text: string): Node {
  readJson(text);
  return readNode(text, skip(text, 0));
}

/** Settings are a few levels deep. */
const MAX_DEPTH = 200;

function readNode(text: string, start: number, depth = 0): Node {
  if (depth > MAX_DEPTH) {
    throw new JsonTextError(`it has more than ${MAX_DEPTH} levels`);
  }
  const opening = text.charAt(start);
  if (opening !== "{" && opening !== "[") {
    const [token = ""] = /"(?:[^"\\]|\\.)*"|[^\s,:{}[\]"]+/y[Symbol.match](text.slice(start)) ?? [];
    return { start, end: start + token.length, items: undefined };
  }
  const closing = opening === "{" ? "}" : "]";
  const items: Item[] = [];
  let at = skip(text, start + 1);
  while (text.charAt(at) !== closing) {
    const first = readNode(text, at, depth + 1);
    const value = opening === "{" ? readNode(text, skip(text, skip(text, first.end) + 1), depth + 1) : first;
    const key = opening === "{" ? String(JSON.parse(text.slice(first.start, first.end))) : undefined;
    items.push({ key, start: at, value });
    at = skip(text, value.end);
    at = text.charAt(at) === "," ? skip(text, at + 1) : at;
  }
  return { start, end: at + 1, items };
}

/** The next place that is not white space. */
function skip(text: string, start: number): number {
  let at = start;
  while (/\s/.test(text.charAt(at))) {
    at += 1;
  }
  return at;
}
