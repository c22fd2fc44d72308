// What others have written, for a terminal. Pure.

import { removeControls } from "../metadata/clean-text.ts";

/** One line, whatever the text: a line break becomes visible, a tab a blank, and what commands a terminal is removed. */
export function printable(text: string): string {
  return removeControls(text).replaceAll("\n", "\\n").replaceAll("\t", " ");
}
