// A real git repository in one call, removed after the test, isolated from the user's configuration.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Text or bytes by path, relative to the root of the repository. */
export type Files = Readonly<Record<string, string | Buffer>>;

/** A repository to try things on. */
export interface TestRepository {
  /** Real path of its root. */
  readonly root: string;
  /** Home directory of every git that runs here: its config is the user's. */
  readonly home: string;
  /** Runs git in it as a user would, unhardened. Returns standard output. Throws when git fails. */
  git(...args: string[]): string;
  /** Writes files, and the directories that they need. */
  write(files: Files): void;
  /** Writes files and commits everything. Returns the full hash. */
  commit(files: Files, message?: string): string;
  /** Absolute path of something in it. */
  path(...names: string[]): string;
}

/** Settings that make git quick and the same everywhere. */
const USER_CONFIG = `[user]
	name = Test Author
	email = test@example.com
[init]
	defaultBranch = main
[core]
	fsync = none
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
`;

/** An empty directory of its real path, removed after the test. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-git-")));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A home directory with {@link USER_CONFIG}, removed after the test. */
export function temporaryHome(): string {
  const home = temporaryDirectory();
  writeFileSync(join(home, ".gitconfig"), USER_CONFIG);
  return home;
}

/** The environment of a git that nothing of this machine reaches but its programs. */
export function userEnvironment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    GIT_CONFIG_NOSYSTEM: "1",
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_EDITOR: "true",
  };
}

/** What stands at `root`, whatever it is. */
export function repositoryAt(root: string, home: string): TestRepository {
  const env = userEnvironment(home);
  const path = (...names: string[]) => join(root, ...names);
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: root, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const write = (files: Files) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
    }
  };
  const commit = (files: Files, message = "change") => {
    write(files);
    git("add", "--all");
    git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message);
    return git("rev-parse", "HEAD").trim();
  };
  return { root, home, git, write, commit, path };
}

/** A new repository without commits, on branch `main`; `initArgs` go to `git init`. */
export function createRepository(
  options: { root?: string; home?: string; initArgs?: string[] } = {},
): TestRepository {
  const home = options.home ?? temporaryHome();
  const root = options.root ?? temporaryDirectory();
  mkdirSync(root, { recursive: true });
  const repository = repositoryAt(root, home);
  repository.git("init", "--quiet", ...(options.initArgs ?? []));
  return repository;
}
