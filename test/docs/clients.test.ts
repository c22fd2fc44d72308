// Every TypeScript example of docs/clients.md, as a program of its own.

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { emptyDirectory } from "../helpers/program.ts";
import { useServer } from "../helpers/server.ts";

const server = useServer(() => ({ collectors: "real" }));

const examples = [
  ...readFileSync("docs/clients.md", "utf8").matchAll(/^### (.*?)$(?:(?!^### ).)*?^```ts\n(.*?)^```$/gms),
].map(([, title = "", code = ""]) => [title, code] as const);

const EXPECTED: Readonly<Record<string, RegExp>> = {
  "One server, once": /^workspace_hostname \S+$/m,
  "One server, live": /^\S+$/m,
  "A fleet, once": /^one [1-9]\d*\nnobody is there unreachable: connect ECONNREFUSED/m,
  "A fleet, live": /^http:\S+ state connected$/m,
};

test("each example has its expectation", () => {
  expect(examples.map(([title]) => title)).toEqual(Object.keys(EXPECTED));
});

test.each(examples)("%s", async (title, code) => {
  const file = join(emptyDirectory(), "example.mts");
  const entry = pathToFileURL("src/client/index.ts").href;
  const runnable = code
    .replaceAll('"fleet-metadata/client"', JSON.stringify(entry))
    .replaceAll("http://127.0.0.1:8000", server().url);
  writeFileSync(file, runnable);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
  expect(stdout).toMatch(EXPECTED[title] ?? "no expectation");
  expect(stderr).toBe("");
});
