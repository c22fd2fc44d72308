// Where the status page lies.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The page as the build left it. Both src/ and dist/ lie beside dist/. */
export const readPage = (): Promise<string> =>
  readFile(join(import.meta.dirname, "../dist/page.html"), "utf8");
