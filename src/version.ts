// The version of this program, which package.json has.

import { createRequire } from "node:module";
import * as z from "zod/mini";

const manifest: unknown = createRequire(import.meta.url)("../package.json");

/** As in package.json. Both src/ and dist/ lie beside it. */
export const VERSION = z.object({ version: z.string() }).parse(manifest).version;
