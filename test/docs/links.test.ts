// What the documents name is there: files, headings, scripts, commands, flags.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { SETTINGS, type Setting, variablesOf } from "../../src/config-settings.ts";
import { callProgram } from "../helpers/call-program.ts";
import { anchorsOf, DOCUMENTS, inlineCode, linksOf, readDocument } from "../helpers/documents.ts";
import { FOREIGN_FLAGS } from "./commands.ts";

const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

test("there are documents", () => {
  expect(DOCUMENTS).toEqual(
    expect.arrayContaining(["README.md", "docs/clients.md", "deploy/coder/README.md"]),
  );
});

describe.each(DOCUMENTS)("%s", (document) => {
  test("its links lead somewhere", () => {
    const broken = linksOf(document).filter((link) => {
      if (/^(https?|mailto):/.test(link)) {
        return !URL.canParse(link);
      }
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : normalize(join(dirname(document), path));
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  test("the npm scripts that it names exist", () => {
    const named = [...readDocument(document).matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(
      ([, name = ""]) => name,
    );
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  test("the files of the project that it names exist", () => {
    const folders = /^(?:src|test|docs|scripts|deploy|bench|proto|compatibility)\/[\w./-]*$/;
    const named = inlineCode(document).filter((code) => folders.test(code));
    // What a build makes, or a reader, is no file of the project.
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  test("the variables and flags that it names exist", () => {
    const all: readonly Setting[] = Object.values(SETTINGS);
    const variables = all.flatMap((setting) => [...variablesOf(setting)]);
    const text = readDocument(document);
    const named = [...text.matchAll(/\bFLEET_METADATA_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);
    expect(named.filter((name) => !variables.includes(name))).toEqual([]);
  });
});

test("the commands and flags that documents name exist", async () => {
  const help = async (...args: string[]): Promise<string> => (await callProgram([...args, "--help"])).stdout;
  const subcommands = (text: string): string[] => [
    ...new Set([...text.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = ""]) => name)),
  ];
  const commands = subcommands(await help());
  expect(commands).toContain("serve");
  const texts = await Promise.all([
    ...commands.map((command) => help(command)),
    ...subcommands(await help("task")).map((action) => help("task", action)),
  ]);
  const flags = [...texts.join("\n").matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag);
  for (const document of DOCUMENTS) {
    const codes = inlineCode(document);
    const named = codes.flatMap((code) => /^(?:npx )?fleet-metadata ([a-z]+)/.exec(code)?.[1] ?? []);
    expect(commands, document).toEqual(expect.arrayContaining(named));
    const used = codes.flatMap((code) => /^--[a-z][a-z-]*/.exec(code)?.[0] ?? []);
    expect([...flags, "--version", ...FOREIGN_FLAGS], document).toEqual(expect.arrayContaining(used));
  }
});
