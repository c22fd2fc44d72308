// The licences of the packages that are put into the program: they ask to be handed on with it.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @param modules paths of files that were bundled. @returns one text, the packages in the order of their names. */
export function licencesOf(modules: Iterable<string>): string {
  const folders = [...modules].flatMap(
    (path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? [],
  );
  const texts = [...new Set(folders)].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      readonly name: string;
      readonly version: string;
      readonly license: string;
    };
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
    const papers = files.map((file) => `\n${readFileSync(join(folder, file), "utf8").trim()}\n`);
    return `${name} ${version}: ${license}\n${papers.join("")}`;
  });
  return texts.sort().join(`\n${"-".repeat(80)}\n\n`);
}
