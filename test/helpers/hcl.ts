// Reads Terraform's language.

import { createRequire } from "node:module";

/** Blocks by type and then by label: `{ variable: { port: [{ default: 8000 }] } }`. Expressions are texts in "${}". */
export type Hcl = Readonly<Record<string, unknown>>;

// By require: the package's own types would bring the types of browsers into every file of the project.
const require = createRequire(import.meta.url);
const { parse } = require("@cdktf/hcl2json") as {
  parse(file: string, text: string): Promise<Hcl>;
};

/** Rejects when the text is not valid. @param file what errors name. */
export async function parseHcl(file: string, text: string): Promise<Hcl> {
  return await parse(file, text);
}
