// Our entries among the hooks of an agent, in the form that Claude Code's settings and Codex's hooks.json share:
// {"hooks": {EVENT: [{"matcher": ..., "hooks": [{"type": "command", "command": ...}]}]}}. Pure.

import {
  insertJson,
  isAloneOnItsLine,
  type JsonPath,
  readJson,
  removeJson,
  replaceJson,
} from "./json-text.ts";

/** Stands at the end of every command of ours, for the shell a comment. */
const MARK = "# fleet-metadata";

/** Seconds that the agent allows a hook. It needs a tenth of one. */
const TIMEOUT_SECONDS = 5;

/**
 * The shell command of a hook. Should the program be gone one day, the agent is not told of a failure with each of its steps.
 *
 * @param words the program with its arguments.
 */
export function hookCommand(words: readonly string[]): string {
  return `${words.map(quote).join(" ")} || true ${MARK}`;
}

/** A word for a POSIX shell and for fish. */
function quote(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

interface Found {
  readonly path: JsonPath;
  readonly command: string;
}

/**
 * Has each of the events run its command. Where an entry of ours is there already, it is renewed and no other one is made.
 *
 * @throws {JsonTextError} when it is no JSON.
 * @throws {HooksShapeError} when the document has something else in the place of hooks.
 */
export function addHooks(text: string, commands: ReadonlyMap<string, string>): string {
  let result = withoutOthers(text, [...commands.keys()]);
  for (const [event, command] of commands) {
    const [ours] = findOurs(result, event);
    if (ours !== undefined) {
      result = ours.command === command ? result : replaceJson(result, [...ours.path, "command"], command);
      continue;
    }
    const group = { hooks: [{ type: "command", command, timeout: TIMEOUT_SECONDS }] };
    const hooks = member(readJson(result), "hooks");
    if (hooks === undefined) {
      result = insertJson(result, ["hooks"], { [event]: [group] });
    } else if (member(hooks, event) === undefined) {
      result = insertJson(result, ["hooks", event], [group]);
    } else {
      result = insertJson(result, ["hooks", event, 0], group);
    }
  }
  return result;
}

/** Takes out our entries, and of what holds them whatever was made for them. Throws as addHooks. */
export function removeHooks(text: string): string {
  return withoutOthers(text, []);
}

/** Without our entries for other events, as another version may have made them, and without repetitions. */
function withoutOthers(text: string, events: readonly string[]): string {
  let result = text;
  for (const event of Object.keys(checkedHooks(readJson(text)))) {
    const kept = events.includes(event) ? 1 : 0;
    for (let ours = findOurs(result, event); ours.length > kept; ours = findOurs(result, event)) {
      result = removeEntry(result, ours.at(-1)?.path ?? []);
    }
  }
  return result;
}

/** Removes an entry with its group, its event and the hooks, as far as they were made for it and nothing else is in them. */
function removeEntry(text: string, path: JsonPath): string {
  const entries = at(readJson(text), path.slice(0, -1));
  if (Array.isArray(entries) && entries.length > 1) {
    return removeJson(text, path);
  }
  // A group without entries does nothing, whatever its matcher.
  let removed = path.slice(0, -2);
  while (removed.length > 1 && isAloneOnItsLine(text, removed)) {
    removed = removed.slice(0, -1);
  }
  return removeJson(text, removed);
}

function findOurs(text: string, event: string): Found[] {
  const groups = checkedHooks(readJson(text))[event] ?? [];
  return groups.flatMap((group, groupIndex) => {
    const entries = member(group, "hooks");
    return (Array.isArray(entries) ? entries : []).flatMap((entry: unknown, index) => {
      const command = member(entry, "command");
      return typeof command === "string" && command.endsWith(MARK)
        ? [{ path: ["hooks", event, groupIndex, "hooks", index], command }]
        : [];
    });
  });
}

/** The document has something else in the place of hooks: its agent would not understand it either. */
export class HooksShapeError extends Error {
  override readonly name = "HooksShapeError";
}

function checkedHooks(document: unknown): Readonly<Record<string, readonly unknown[]>> {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new HooksShapeError("it is not a JSON object");
  }
  const hooks = Object.hasOwn(document, "hooks") ? member(document, "hooks") : {};
  if (typeof hooks !== "object" || hooks === null || Array.isArray(hooks)) {
    throw new HooksShapeError('its "hooks" is not an object');
  }
  for (const [event, groups] of Object.entries(hooks)) {
    if (!Array.isArray(groups)) {
      throw new HooksShapeError(`its "hooks.${event}" is not a list`);
    }
  }
  return hooks as Readonly<Record<string, readonly unknown[]>>;
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

function at(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>((inner, step) => member(inner, String(step)), value);
}
