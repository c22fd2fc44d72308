// What an agent does in its workspace: edits, commits, checkouts, conflicts, pushes; and the task file that its hooks write.

import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Actor, DEADLINE_MS, pause, pick, repeat, say } from "./actor.ts";
import { BRANCHES, type Scene } from "./scene.ts";

/** How long a change may take to be seen by reads while the machine is busy, in milliseconds. */
const VISIBLE_MS = 5_000;
const FILES = 50;

type Change = (scene: Scene, round: number) => Promise<void>;

const edit: Change = async ({ repository: { root, file }, random }, round) => {
  appendFileSync(join(root, file(Math.floor(random() * FILES))), `Line ${round}.\n`);
};

const commit: Change = async (scene, round) => {
  await edit(scene, round);
  await scene.git("add", "--all");
  await scene.git("commit", "--quiet", "--allow-empty", "-m", `change ${round}`);
};

const CHANGES: Readonly<Record<string, Change>> = {
  edit,
  commit,
  "branch switched": async ({ git, random }) => {
    await git("checkout", "--quiet", "--force", pick(random, BRANCHES));
  },
  "commit checked out": async ({ git }) => {
    await git("checkout", "--quiet", "--force", "--detach", "HEAD");
  },
  "files made and removed": async ({ repository: { root } }, round) => {
    const directory = join(root, `made-${round % 5}`);
    if (round % 2 === 0) {
      mkdirSync(join(directory, "below"), { recursive: true });
      writeFileSync(join(directory, "below", "file"), "new\n");
    } else {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  stash: async (scene, round) => {
    await edit(scene, round);
    await scene.git("stash", "push", "--quiet", "--include-untracked");
    await scene.git("stash", "drop", "--quiet");
  },
  "merge that conflicts": async (scene, round) => {
    const { git, repository } = scene;
    const path = join(repository.root, repository.file(FILES));
    await git("checkout", "--quiet", "--force", "-B", "conflict-a");
    writeFileSync(path, `one ${round}\n`);
    await git("commit", "--quiet", "--all", "-m", "one");
    await git("checkout", "--quiet", "-B", "conflict-b", "HEAD~1");
    writeFileSync(path, `other ${round}\n`);
    await git("commit", "--quiet", "--all", "-m", "other");
    await git("merge", "--quiet", "conflict-a").catch(() => undefined);
    await sleep(50);
    await git("merge", "--abort");
    await git("checkout", "--quiet", "--force", pick(scene.random, BRANCHES));
  },
  push: async ({ git, pulls }) => {
    const branch = await git("branch", "--show-current");
    const pull = pulls.find(({ fields }) => fields.headBranch === branch);
    if (pull !== undefined) {
      const head = await git("rev-parse", "HEAD");
      await git("update-ref", `refs/remotes/origin/${branch}`, head);
      pull.push(head);
    }
  },
};

const ALL = Object.entries(CHANGES) as unknown as readonly [[string, Change], ...[string, Change][]];

/** Changes the repository, and looks after each change whether a read shows it. */
export const work: Actor = (scene, signal) =>
  repeat(scene, signal, 250, async (round) => {
    const [kind, change] = round % 3 === 0 ? (["commit", commit] as const) : pick(scene.random, ALL);
    const changedMs = performance.now();
    try {
      await change(scene, round);
      const head = await scene.git("rev-parse", "HEAD");
      const branch = await scene.git("branch", "--show-current");
      const seen = await isSeen(scene, head, branch, signal);
      if (seen || signal.aborted) {
        scene.ledger.done("changes", kind);
      } else if (scene.trouble.concerns("git", changedMs)) {
        scene.ledger.injected("changes", kind);
      } else {
        scene.ledger.unexpected("changes", kind, `not seen within ${VISIBLE_MS} ms`);
      }
    } catch (error) {
      scene.ledger.unexpected("changes", kind, say(error));
    }
  });

async function isSeen(scene: Scene, head: string, branch: string, signal: AbortSignal): Promise<boolean> {
  const startMs = performance.now();
  while (performance.now() - startMs < VISIBLE_MS && !signal.aborted) {
    const { text } = await scene.http.get(
      "/metadata?keys=git_commit_sha&keys=git_branch",
      AbortSignal.timeout(DEADLINE_MS),
    );
    const { data } = JSON.parse(text) as {
      readonly data: Readonly<Record<string, { readonly value: unknown } | undefined>>;
    };
    const isHead = data["git_commit_sha"]?.value === head;
    if (isHead && (data["git_branch"]?.value ?? "") === branch) {
      return true;
    }
    await pause(20, signal);
  }
  return false;
}

const STATUSES = ["idle", "running", "waiting", "completed", "failed"] as const;

/** What may stand in the task file's place. */
const BROKEN: Readonly<Record<string, (path: string) => void>> = {
  "task file half-written": (path) => writeFileSync(path, '{"status": "runn'),
  "task file of wrong types": (path) => writeFileSync(path, '{"status": 5, "pid": "many"}'),
  "task file too large": (path) => writeFileSync(path, "x".repeat(2_000_000)),
  "task file is a directory": (path) => mkdirSync(path),
  "task file is a link": (path) => symlinkSync("/etc/passwd", path),
  "task file is a FIFO": (path) => void execFileSync("mkfifo", [path]),
  "task file not there": () => undefined,
};

/** Writes the task file, now and then what nobody can read. */
export const reportTask: Actor = (scene, signal) => {
  const { taskFile, random, ledger, trouble } = scene;
  const breaking = Object.entries(BROKEN) as unknown as readonly [
    [string, (path: string) => void],
    ...[string, (path: string) => void][],
  ];
  return repeat(scene, signal, 400, async (round) => {
    if (round % 40 === 20) {
      const [kind, write] = pick(random, breaking);
      trouble.begin("task");
      rmSync(taskFile, { recursive: true, force: true });
      write(taskFile);
      ledger.done("faults", kind);
      // What was valid before is served for a while.
      await pause(3_000 + random() * 12_000, signal);
      rmSync(taskFile, { recursive: true, force: true });
    }
    const text = JSON.stringify({ status: pick(random, STATUSES), description: `Step ${round}` });
    writeFileSync(`${taskFile}.new`, text);
    renameSync(`${taskFile}.new`, taskFile);
    ledger.done("changes", "task file");
    if (trouble.concerns("task", Number.MAX_VALUE)) {
      trouble.end("task");
    }
  });
};
