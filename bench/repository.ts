// Repositories to measure on, in temporary directories, and a git that is counted.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { startProcess, temporaryDirectory } from "./cleanup.ts";

const USER_CONFIG = `[user]
	name = Bench Author
	email = bench@example.com
[gc]
	auto = 0
[maintenance]
	auto = false
`;

/** A repository with one commit on the branch `main`. */
export interface Repository {
  /** Real path of its root. */
  readonly root: string;
  /** The environment that a user's git has here. */
  readonly env: NodeJS.ProcessEnv;
  /** A tracked file, by its number, relative to the root. */
  file(index: number): string;
  /** Runs git as a user would. @returns standard output without its last line break. */
  git(...args: string[]): string;
}

const FILES_PER_DIRECTORY = 50;

/** Makes a repository with this many tracked files, fifty to a directory. */
export async function createRepository(files: number): Promise<Repository> {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "work"));
  writeFileSync(join(directory, ".gitconfig"), USER_CONFIG);
  const repository = repositoryIn(directory);
  const { root, env, file, git } = repository;
  git("init", "--quiet", "--initial-branch=main");
  await importCommit(
    root,
    env,
    Array.from({ length: files }, (_, index) => file(index)),
  );
  git("reset", "--quiet", "--hard");
  return repository;
}

/** Makes a repository of its own that has the same content and history. */
export function copyRepository({ root }: Repository): Repository {
  const directory = temporaryDirectory();
  cpSync(dirname(root), directory, { recursive: true });
  const repository = repositoryIn(directory);
  // The index names the files that were copied. A user's git sees to that with the next command.
  repository.git("update-index", "-q", "--refresh");
  return repository;
}

function repositoryIn(directory: string): Repository {
  const root = join(directory, "work");
  const env = { PATH: process.env["PATH"], HOME: directory, GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C" };
  return {
    root,
    env,
    file(index) {
      const number = Math.floor(index / FILES_PER_DIRECTORY);
      return `group-${Math.floor(number / 50)}/part-${number}/file-${index}.txt`;
    },
    git: (...args) =>
      execFileSync("git", args, {
        cwd: root,
        env,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      }).trim(),
  };
}

/** Makes one commit of all files in one go: a hundred thousand take a second. */
async function importCommit(root: string, env: NodeJS.ProcessEnv, paths: readonly string[]): Promise<void> {
  const fastImport = startProcess("git", ["fast-import", "--quiet"], {
    cwd: root,
    env,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const exited = once(fastImport, "exit");
  fastImport.stdin?.write(
    `commit refs/heads/main\ncommitter B <b@example.com> 1767225600 +0000\ndata 5\nstart\n`,
  );
  for (const [index, path] of paths.entries()) {
    const content = `The content of file ${index}.\n`;
    fastImport.stdin?.write(`M 644 inline ${path}\ndata ${content.length}\n${content}`);
    if (index % 10_000 === 0) {
      await setImmediate();
    }
  }
  fastImport.stdin?.end("\ndone\n");
  await exited;
  if (fastImport.exitCode !== 0) {
    throw new Error("git fast-import failed");
  }
}

/** A git that counts how often it was started. */
export interface CountedGit {
  /** To be the first on a PATH. */
  readonly directory: string;
  started(): number;
}

export function createCountedGit(): CountedGit {
  const directory = temporaryDirectory();
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const list = join(directory, "started");
  writeFileSync(list, "");
  writeFileSync(join(directory, "git"), `#!/bin/sh\necho >> '${list}'\nexec '${real}' "$@"\n`);
  chmodSync(join(directory, "git"), 0o755);
  return { directory, started: () => readFileSync(list, "utf8").length };
}
