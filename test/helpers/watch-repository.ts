// A temporary repository that is watched, and the wait for what the watch says. Waits are for events, never for time.

import { execFileSync, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import type { Problem } from "../../src/collectors/collector.ts";
import type { Git } from "../../src/collectors/git/git.ts";
import type { RepositoryLocation } from "../../src/collectors/git/location.ts";
import {
  type RepositoryWatch,
  type WatchOptions,
  watchRepositories,
} from "../../src/collectors/git/watch.ts";

const DEADLINE_MS = 15_000;

/** A directory that is removed at the end of the test. */
function temporaryDirectory(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "watch-")));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function environment(home: string): Record<string, string> {
  const author = { GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@example.com" };
  const committer = { GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@example.com" };
  const path = process.env["PATH"] ?? "";
  return { PATH: path, HOME: home, LC_ALL: "C", GIT_LITERAL_PATHSPECS: "1", ...author, ...committer };
}

/** Runs git as a person in the workspace does. */
export function gitIn(cwd: string, home: string): (...args: string[]) => string {
  return (...args) =>
    execFileSync("git", args, { cwd, env: environment(home), stdio: "pipe" }).toString("latin1");
}

/** Just enough of a runner: no hardening, and the count of what it ran. */
export function plainGit(home: string): Git & { readonly calls: (readonly string[])[] } {
  const calls: (readonly string[])[] = [];
  return {
    calls,
    async run(args, { cwd, signal, config = [] }) {
      signal.throwIfAborted();
      calls.push(args);
      const settings = config.flatMap(([key, value]) => ["-c", `${key}=${value}`]);
      return await new Promise((resolve, reject) => {
        const all = ["--no-optional-locks", ...settings, ...args];
        const child = spawn("git", all, {
          cwd,
          signal,
          env: environment(home),
          stdio: ["ignore", "pipe", "pipe"],
        });
        const output: Buffer[] = [];
        let failed: Error | undefined;
        child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
        child.stderr.resume();
        child.on("error", (error) => {
          failed = error;
        });
        child.on("close", (exitCode) => {
          if (failed !== undefined) reject(failed);
          else
            resolve({ exitCode: exitCode ?? 1, stdout: Buffer.concat(output), stderr: "", truncated: false });
        });
      });
    },
  };
}

export interface Watched {
  readonly watch: RepositoryWatch;
  readonly coverage: ("complete" | Problem)[];
  /** How often changed() was heard. */
  heard(): number;
  /** Does something, and waits until it was heard, with all its structural work done. */
  noticed(what: () => unknown): Promise<void>;
  /** Does something, and then something that is noticed: what was heard of the first, when that arrived. */
  heardBefore(what: () => unknown, sentinel: () => unknown): Promise<number>;
  reached(condition: () => boolean): Promise<void>;
  settled(): Promise<void>;
  end(): void;
}

export interface Repository {
  readonly home: string;
  readonly root: string;
  readonly location: RepositoryLocation;
  path(relative: string): string;
  write(relative: string, text?: string): void;
  git(...args: string[]): string;
}

export function repositoryAt(root: string, home: string): Repository {
  mkdirSync(root, { recursive: true });
  const git = gitIn(root, home);
  git("init", "-q", "-b", "main");
  const path = (relative: string) => join(root, relative);
  const write = (relative: string, text = "text\n") => {
    mkdirSync(dirname(path(relative)), { recursive: true });
    writeFileSync(path(relative), text);
  };
  const location = { root, gitDir: path(".git"), commonDir: path(".git") };
  return { home, root, location, path, write, git };
}

/** A repository with a commit, an ignored directory, and some directories of files. */
export function smallRepository(): Repository {
  const top = temporaryDirectory();
  mkdirSync(join(top, "home"));
  const repository = repositoryAt(join(top, "repository"), join(top, "home"));
  repository.write(".gitignore", "node_modules/\nbuild/\n*.o\n");
  repository.write("src/deep/file.txt");
  repository.write("docs/page.txt");
  repository.write("node_modules/package/index.js");
  repository.git("add", ".");
  repository.git("commit", "-qm", "first");
  return repository;
}

type Choice = Partial<WatchOptions>;

export function startWatch(repository: Repository, choice: Choice = {}): Watched {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const coverage: ("complete" | Problem)[] = [];
  const wakers = new Set<() => void>();
  let heard = 0;
  const wake = () => {
    for (const waker of wakers) waker();
  };
  const watch = watchRepositories({
    git: plainGit(repository.home),
    workspace: repository.root,
    locations: [repository.location],
    signal: ended.signal,
    listener: {
      changed: () => {
        heard += 1;
        wake();
      },
      coverage: (state) => {
        coverage.push(state);
        wake();
      },
    },
    ...choice,
  });
  const reached = (condition: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        wakers.delete(look);
        settle();
      };
      const look = () => {
        if (condition()) end(resolve);
      };
      const timer = setTimeout(
        () => end(() => reject(new Error("not noticed before the deadline"))),
        DEADLINE_MS,
      );
      wakers.add(look);
      look();
    });
  const settled = async () => {
    // Events that the kernel has are delivered within a turn.
    await setImmediate();
    await setImmediate();
    await watch.settled();
  };
  const noticed = async (what: () => unknown) => {
    const before = heard;
    await what();
    await reached(() => heard > before);
    await settled();
  };
  return {
    watch,
    coverage,
    heard: () => heard,
    reached,
    settled,
    noticed,
    async heardBefore(what, sentinel) {
      await settled();
      const before = heard;
      await what();
      await settled();
      const between = heard - before;
      await noticed(sentinel);
      return between;
    },
    end: () => ended.abort(),
  };
}

/** A watch whose set-up is over. */
export async function watched(repository: Repository, choice: Choice = {}): Promise<Watched> {
  const started = startWatch(repository, choice);
  await started.reached(() => started.coverage.length > 0);
  await started.settled();
  expect(started.coverage).toEqual(["complete"]);
  return started;
}

/** Directories that the kernel watches for this process. */
export function inotifyWatches(): number {
  return readdirSync("/proc/self/fdinfo")
    .map((descriptor) => {
      try {
        return readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1");
      } catch {
        return "";
      }
    })
    .reduce((sum, text) => sum + (text.match(/^inotify /gm)?.length ?? 0), 0);
}
