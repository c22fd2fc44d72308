// Where a `.git` leads that is a file. Pure.

import { trimEndOf } from "../trim-end.ts";

const START = "gitdir: ";

/** The path that such a file names, as it stands there. Absent when the text is not that of such a file. */
export function gitFileTarget(text: string): string | undefined {
  const target = text.startsWith(START) ? trimEndOf(text.slice(START.length), "\r\n") : "";
  return target === "" ? undefined : target;
}
