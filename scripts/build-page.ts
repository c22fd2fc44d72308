// Makes the status page: one HTML text that holds its script and its style.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";

const folder = join(import.meta.dirname, "../src/page");

/** @returns the page, from what lies in src/page. */
export async function buildPage(): Promise<string> {
  const { output } = await build({
    input: join(folder, "main.ts"),
    platform: "browser",
    write: false,
    logLevel: "warn",
    output: { format: "esm", minify: true },
  });
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const style = read("page.css")
    .replaceAll(/\/\*.*?\*\//gs, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  // What would end the element early can stand in texts only, where it may be written like this.
  const script = output[0].code.replaceAll("</script", "<\\/script").trim();
  return read("page.html")
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
}
