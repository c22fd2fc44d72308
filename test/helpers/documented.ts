// The commands of docs/operations.md, for tests that run them.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The commands below a heading, one a line. */
export function documentedCommands(heading: string): string[] {
  const document = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8");
  const [, ...sections] = document.split(/^#+ (?=\w)/m);
  const section = sections.find((one) => one.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.trim().split("\n"));
}
