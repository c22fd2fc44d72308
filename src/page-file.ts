// Where the status page lies.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The page as the build left it: beside the bundle; the sources have that of the last build. */
export const readPage = (): Promise<string> => {
  const folder = import.meta.filename.endsWith(".ts") ? "../dist" : ".";
  return readFile(join(import.meta.dirname, folder, "page.html"), "utf8");
};
