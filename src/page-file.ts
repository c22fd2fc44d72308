// Where the status page lies.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getAsset, isSea } from "node:sea";

/** The page as the build left it: in the executable, or beside the bundle; the sources have that of the last build. */
export const readPage = async (): Promise<string> => {
  if (isSea()) {
    return getAsset("page.html", "utf8");
  }
  const folder = import.meta.filename.endsWith(".ts") ? "../dist" : ".";
  return await readFile(join(import.meta.dirname, folder, "page.html"), "utf8");
};
