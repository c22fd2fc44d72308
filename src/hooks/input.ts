// What an agent tells its hook: one JSON object on standard input. It may be huge, unfinished, or never come.

import type { Readable } from "node:stream";

/** The strings, numbers and words among the members of an object, as text. Objects and lists are left out. */
export type Fields = ReadonlyMap<string, string>;

/** Past this nothing more is kept: the fields that say what happened come first. In UTF-16 code units. */
const MAX_LENGTH = 1024 * 1024;

/** Up to here each piece is looked at whether it is the last: the end of the input may never come. In UTF-16 code units. */
const MAX_UNENDED = 256 * 1024;

/** Reads until the object is whole, the input ends or the time is over. What came until then is the result. */
export async function readFields(stdin: Readable, deadlineMs: number): Promise<Fields> {
  let text = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  // On a busy machine the time may be over before what is there has been looked at.
  const timer = setTimeout(() => setImmediate(resolve), deadlineMs);
  stdin.setEncoding("utf8");
  stdin.on("data", (chunk: string) => {
    if (text.length < MAX_LENGTH) {
      text += chunk;
    }
    if (text.length < MAX_UNENDED && chunk.trimEnd().endsWith("}") && isWhole(text)) {
      resolve();
    }
  });
  stdin.once("end", resolve).on("error", () => resolve());
  await promise;
  clearTimeout(timer);
  stdin.removeAllListeners("data");
  return parseFields(text);
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * The fields of an object, as far as its text goes: what is cut off counts with all that stands before the cut. Nothing is
 * checked that has no part in finding them.
 */
export function parseFields(text: string): Fields {
  const fields = new Map<string, string>();
  let depth = 0;
  let name: string | undefined;
  let isValue = false;
  const take = (value: string | undefined): void => {
    if (depth === 1 && isValue && name !== undefined && value !== undefined) {
      fields.set(name, value);
    }
    name = depth === 1 && !isValue ? value : undefined;
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') {
      const end = endOfString(text, at);
      if (end === -1) {
        break;
      }
      if (depth === 1) {
        take(decode(text.slice(at, end + 1)));
      }
      at = end;
    } else if (character === "{" || character === "[") {
      depth += 1;
    } else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) {
        break;
      }
    } else if (depth === 1 && (character === ":" || character === ",")) {
      isValue = character === ":";
    } else if (depth === 1 && isValue) {
      const [word] = WORD.exec(text.slice(at, at + MAX_WORD)) ?? [];
      if (word !== undefined) {
        take(word);
        at += word.length - 1;
      }
    }
  }
  return fields;
}

const WORD = /^[\w.+-]+/;

/** Longest number or word, in characters. */
const MAX_WORD = 32;

/** Where the quote stands that ends the string which begins at `start`; -1 when the text ends before. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charAt(at - 1 - backslashes) === "\\") {
      backslashes += 1;
    }
    if (backslashes % 2 === 0) {
      return at;
    }
  }
  return -1;
}

function decode(literal: string): string | undefined {
  try {
    return String(JSON.parse(literal));
  } catch {
    return undefined;
  }
}
