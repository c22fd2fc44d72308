// What README promises beyond its commands, which commands.test.ts runs.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blocksOf, readDocument } from "../helpers/documents.ts";
import { type Pictured, startPictured } from "../helpers/pictured-workspace.ts";
import { emptyDirectory } from "../helpers/program.ts";

let pictured: Pictured;
beforeAll(async () => {
  pictured = await startPictured();
});
afterAll(() => pictured.close());

describe("README", () => {
  it("begins with the two commands", () => {
    expect(readDocument("README.md")).toMatch(/^```sh\nnpm start\nnpm test\n```$/m);
  });

  it("is read in five minutes", () => {
    expect(readDocument("README.md").split("\n").length).toBeLessThan(205);
  });

  it("shows the pull request with the typed client", async () => {
    const [program] = blocksOf("README.md").filter(({ language }) => language === "ts");
    const file = join(emptyDirectory(), "program.mts");
    const entry = JSON.stringify(pathToFileURL("src/client/index.ts").href);
    const runnable = program?.text.replaceAll('"fleet-metadata/client"', entry) ?? "";
    writeFileSync(file, runnable.replaceAll("http://127.0.0.1:8000", pictured.url));
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
    expect(stdout).toBe("1 A feature 1 of 1 passed\n");
  });

  it("shows it with curl", async () => {
    const answer = await fetch(`${pictured.url}/metadata/github_pr_checks_status`);
    expect(await answer.json()).toMatchObject({ value: "passing" });
  });

  it("shows an answer as it is", async () => {
    const [example] = blocksOf("README.md").filter(({ language }) => language === "json");
    const shown = JSON.parse(example?.text ?? "") as {
      readonly data: Readonly<Record<string, { readonly schema: unknown }>>;
      readonly meta: object;
      readonly sources: { readonly git: object };
    };
    const response = await fetch(`${pictured.url}/metadata?keys=${Object.keys(shown.data).join(",")}`);
    const answer = (await response.json()) as typeof shown;
    for (const [key, { schema }] of Object.entries(shown.data)) {
      expect(answer.data[key]?.schema).toEqual(schema);
    }
    expect(Object.keys(answer)).toEqual(Object.keys(shown));
    expect(Object.keys(answer.meta)).toEqual(Object.keys(shown.meta));
    expect(Object.keys(answer.sources.git)).toEqual(expect.arrayContaining(Object.keys(shown.sources.git)));
  });
});
