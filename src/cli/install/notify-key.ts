// The key `notify` at the top of Codex's config.toml: added, renewed or taken out by its own line. No TOML parser: only where
// statements at the top level begin and end has to be known. Pure.

/** Behind every line of ours. */
const MARK = "# fleet-metadata";

/** The document is not TOML, as far as it was looked at. */
export class TomlTextError extends Error {
  override readonly name = "TomlTextError";
}

/** Somebody else's program is told already: there can be but one. */
export class NotifyTakenError extends Error {
  override readonly name = "NotifyTakenError";
}

interface Statement {
  readonly start: number;
  /** Behind its line break. */
  readonly end: number;
  readonly text: string;
}

/** Has Codex tell this program. @throws {NotifyTakenError} @throws {TomlTextError} */
export function setNotify(text: string, words: readonly string[]): string {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const line = `notify = [${words.map((word) => JSON.stringify(word)).join(", ")}] ${MARK}`;
  const statements = topLevel(text);
  const present = statements.find(isNotify);
  if (present !== undefined) {
    if (!isOurs(present)) {
      throw new NotifyTakenError("its notify names another program");
    }
    return (
      text.slice(0, present.start) + line + (/\r?\n$/.exec(present.text)?.[0] ?? "") + text.slice(present.end)
    );
  }
  const at = statements.at(-1)?.end ?? 0;
  // A document whose last line has no end gets another such line, so that it can be as it was.
  const isLineEnded = at === 0 || text.charAt(at - 1) === "\n";
  return text.slice(0, at) + (isLineEnded ? line + end : end + line) + text.slice(at);
}

/** @throws {TomlTextError} */
export function removeNotify(text: string): string {
  const present = topLevel(text).find((statement) => isNotify(statement) && isOurs(statement));
  if (present === undefined) {
    return text;
  }
  const before = text.slice(0, present.start);
  return (present.text.endsWith("\n") ? before : before.replace(/\r?\n$/, "")) + text.slice(present.end);
}

function isNotify({ text }: Statement): boolean {
  return /^\s*(?:notify|"notify"|'notify')\s*[=.]/.test(text);
}

function isOurs({ text }: Statement): boolean {
  return text.trimEnd().endsWith(MARK);
}

const STRING = /"""(?:[^\\]|\\[\s\S])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;

/** The statements before the first table. Comments and empty lines are none. */
function topLevel(text: string): Statement[] {
  const statements: Statement[] = [];
  let at = 0;
  while (at < text.length) {
    const [blank = ""] = /^(?:[ \t\r]*(?:#[^\n]*)?\n)*/.exec(text.slice(at)) ?? [];
    const start = at + blank.length;
    const rest = text.slice(start);
    if (/^[ \t]*\[/.test(rest) || /^[ \t\r]*(?:#[^\n]*)?$/.test(rest)) {
      break;
    }
    at = endOfStatement(text, start);
    const statement = { start, end: at, text: text.slice(start, at) };
    if (!/^[ \t]*(?:[\w-]|"[^"\n]*"|'[^'\n]*'|[ \t.])+=/.test(statement.text)) {
      throw new TomlTextError(`this is no TOML: ${statement.text.split("\n", 1)[0]}`);
    }
    statements.push(statement);
  }
  return statements;
}

/** Behind the line break that ends a statement: strings and lists may go over several lines. */
function endOfStatement(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"' || character === "'") {
      STRING.lastIndex = at;
      const [string] = STRING.exec(text) ?? [];
      if (string === undefined) {
        throw new TomlTextError("a string has no end");
      }
      at += string.length - 1;
    } else if (character === "#") {
      const lineEnd = text.indexOf("\n", at);
      at = (lineEnd === -1 ? text.length : lineEnd) - 1;
    } else if (character === "[" || character === "{") {
      depth += 1;
    } else if (character === "]" || character === "}") {
      depth -= 1;
    } else if (character === "\n" && depth <= 0) {
      return at + 1;
    }
  }
  if (depth > 0) {
    throw new TomlTextError("a list or table has no end");
  }
  return text.length;
}
