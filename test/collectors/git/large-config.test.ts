// What is read of a configuration is all of it or nothing: what was cut off could name a program that git runs.

import { execFileSync } from "node:child_process";
import { openSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { readBranchIncludes } from "../../../src/collectors/git/branch-includes.ts";
import { readConfig } from "../../../src/collectors/git/config.ts";
import { isPlainIndex } from "../../../src/collectors/git/index-file.ts";
import { createCanary } from "../../helpers/canary.ts";
import { collectIn, deadline, gitOf, hardenedGit, reasonOf } from "../../helpers/git-source.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";
import { within } from "../../helpers/wait.ts";

/** Entries that git lists with `bytes` bytes, and behind them a filter. */
function largeConfig(bytes: number, program: string): string {
  const value = "v".repeat(1_000);
  const entries = Array.from({ length: Math.ceil(bytes / 1_000) }, (_, index) => `\tn${index} = ${value}\n`);
  return `[core]\n\tbare = false\n[a]\n${entries.join("")}[filter "late"]\n\tclean = ${program}\n`;
}

function committed(): TestRepository {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n", ".gitattributes": "* filter=late\n" });
  return repository;
}

test("G19, G23: a configuration that is too large to be read as a whole is refused, and no filter of it is run", async () => {
  const repository = committed();
  const { program, fired } = createCanary();
  repository.write({ ".git/config": largeConfig(20 * 1024 * 1024, program), "a.txt": "b\n" });
  expect(await reasonOf(collectIn(repository.root, repository.home))).toBe("UNSAFE_CONFIG");
  expect(fired()).toBe(false);
});

test("a configuration of thousands of branches is none", async () => {
  const repository = committed();
  const branches = Array.from(
    { length: 5_000 },
    (_, index) => `[branch "feature/${index}"]\n\tremote = origin\n\tmerge = refs/heads/feature/${index}\n`,
  );
  repository.write({ ".git/config": `[core]\n\tbare = false\n${branches.join("")}` });
  expect((await gitOf(repository)).branch).toBe("main");
});

test("G19, G23: so is one that is included on another branch", async () => {
  const repository = committed();
  repository.git("config", "includeIf.onbranch:other.path", "more");
  repository.write({ ".git/more": largeConfig(20 * 1024 * 1024, "false") });
  const git = hardenedGit(repository.home);
  const options = { cwd: repository.root, signal: deadline() };
  const config = await readConfig(git, options);
  await expect(readBranchIncludes(git, config, options)).rejects.toMatchObject({ reason: "UNSAFE_CONFIG" });
});

test("G24: a FIFO in the place of the index is not waited for", async () => {
  const { path } = createRepository();
  const index = path("index");
  execFileSync("mkfifo", [index]);
  // Whoever waits for a writer gets one at the end.
  onTestFinished(() => void openSync(index, "r+"));
  expect(await within(5_000, "an answer", isPlainIndex(index))).toBe(false);
});
