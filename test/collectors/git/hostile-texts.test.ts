// A repository whose files are made to keep whatever reads them busy for minutes: the program goes on serving. In a process of its own,
// because a text that takes so long stops everything in its process, tests too.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { startProgram } from "../../helpers/program.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";

const MIB = 1024 * 1024;

const CASES: readonly (readonly [what: string, prepare: (repository: TestRepository) => void])[] = [
  [
    "a configuration of a megabyte of line breaks",
    ({ path }) => writeFileSync(path(".git", "config"), `${"\n".repeat(MIB - 100)}[core]\n\tbare = false\n`),
  ],
  [
    "a configuration with a line of blanks behind a name that is looked for",
    ({ path }) =>
      writeFileSync(
        path(".git", "config"),
        `[core]\n\tbare = false\n[a]\n\tworktree = a${" ".repeat(MIB / 2)}x\n`,
      ),
  ],
  [
    "a commit message of line breaks",
    ({ write, git }) => {
      write({ message: `${"\n".repeat(120_000)}x` });
      git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--file=message");
    },
  ],
  [
    "a .git file of line breaks below the work tree",
    ({ write }) => write({ "below/.git": `gitdir: ${"\n".repeat(MIB - 100)}x` }),
  ],
  [
    "a .git file of line breaks in the place of the git directory",
    ({ path }) => {
      renameSync(path(".git"), path("real"));
      writeFileSync(path(".git"), `gitdir: real${"\n".repeat(8_000)}`);
    },
  ],
  [
    "the address of a remote with a megabyte of slashes",
    ({ path }) =>
      writeFileSync(
        path(".git", "config"),
        `[core]\n\tbare = false\n[remote "origin"]\n\turl = https://github.com/a${"/".repeat(MIB / 2)}b\n`,
      ),
  ],
  [
    "a HEAD of blanks",
    ({ path }) => writeFileSync(path(".git", "HEAD"), `ref: refs/heads/main${" ".repeat(4_000)}\n`),
  ],
];

test.each(CASES)("G24: %s", async (_, prepare) => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  mkdirSync(repository.path("directory"), { recursive: true });
  prepare(repository);
  const { url } = await startProgram(["--workspace", repository.root]);
  const signal = AbortSignal.timeout(15_000);
  const read = async (path: string) => (await fetch(`${url}${path}`, { signal })).json();
  const { sources } = (await read("/metadata?keys=git_*,github_*")) as {
    sources: Record<string, { state: string }>;
  };
  expect(sources["git"]?.state).toMatch(/^SOURCE_STATE_(FRESH|FAILED|NO_DATA)$/);
  // Watching begins in the background.
  for (let turn = 0; turn < 10; turn += 1) {
    await delay(50);
    expect(await read("/health")).toMatchObject({ status: "healthy" });
  }
});
