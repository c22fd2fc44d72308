// The server on a machine that fails: a real disk that is full, the kernel's real limit on watches, a clock that is set back.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock, systemTimers } from "../../src/collectors/clock.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { emptyDirectory, MAIN, startProgram } from "../helpers/program.ts";
import { createRepository } from "../helpers/repository.ts";
import { startServer } from "../helpers/server.ts";

const DAY_MS = 86_400_000;

/** What of an answer the tests look at. */
interface Answer {
  readonly data: Readonly<Record<string, { readonly value: unknown } | undefined>>;
  readonly sources: Readonly<
    Record<
      string,
      | { readonly state: string; readonly reason?: string; readonly message?: string; readonly age?: string }
      | undefined
    >
  >;
}

async function read(url: string): Promise<Answer> {
  const response = await fetch(`${url}/metadata`, { signal: AbortSignal.timeout(20_000) });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

/** A namespace in which this user is root, and may mount and set limits that concern nobody else. */
const NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"] as const;

function isAllowed(script: string): boolean {
  const [unshare, ...options] = NAMESPACE;
  return spawnSync(unshare, [...options, "sh", "-c", script], { stdio: "ignore" }).status === 0;
}

const MOUNT = 'mount -t tmpfs -o size=2m tmpfs "$0"';
const LIMIT_WATCHES = "echo 3 >/proc/sys/user/max_inotify_watches";
const canMount = isAllowed("mount -t tmpfs tmpfs /tmp");
const canLimitWatches = isAllowed(LIMIT_WATCHES);

test("S22: with the disk full, reads go on while git and a hook cannot write, and are right when there is room again", async ({
  skip,
}) => {
  skip(!canMount, "this machine lets nobody but root mount a small disk");
  const cwd = emptyDirectory();
  const disk = join(cwd, "disk");
  mkdirSync(disk);
  const taskFile = join(disk, "task.json");
  const { url, pid, kill, ended } = await startProgram(["--workspace", join(disk, "work")], {
    cwd,
    env: { FLEET_METADATA_TASK_FILE: taskFile },
    through: [
      ...NAMESPACE,
      "sh",
      "-c",
      `${MOUNT} && mkdir "$0/work" && git init --quiet --initial-branch=main "$0/work" && exec "$@"`,
      disk,
    ],
  });
  /** Runs a shell script in the work tree, where the disk is. @returns its exit code. */
  const there = (script: string, input = ""): number | null =>
    spawnSync(
      "nsenter",
      [
        "--target",
        String(pid),
        "--user",
        "--mount",
        "--preserve-credentials",
        "sh",
        "-c",
        `cd "$0/work" && ${script}`,
        disk,
      ],
      {
        input,
        env: {
          PATH: process.env["PATH"],
          HOME: cwd,
          EMAIL: "agent@example.com",
          FLEET_METADATA_TASK_FILE: taskFile,
        },
        stdio: ["pipe", "ignore", "ignore"],
      },
    ).status;
  const prompt = JSON.stringify({
    hook_event_name: "UserPromptSubmit",
    session_id: "1",
    cwd: join(disk, "work"),
  });
  const stop = JSON.stringify({ hook_event_name: "Stop", session_id: "1", cwd: join(disk, "work") });
  const hook = `"${process.execPath}" "${MAIN}" task hook claude-code`;

  expect(there("echo a >file && git add file && git commit -qm first")).toBe(0);
  expect(there(hook, prompt)).toBe(0);
  expect((await read(url)).data).toMatchObject({
    git_branch: { value: "main" },
    git_commit_message: { value: "first" },
    workspace_task_status: { value: "running" },
  });

  there("cat /dev/zero >../ballast");
  expect(there("git checkout -b next")).not.toBe(0);
  expect(there("head -c 5000 /dev/urandom >large && git add large")).not.toBe(0);
  expect(there(hook, stop)).toBe(0);
  for (let round = 0; round < 20; round += 1) {
    const { data, sources } = await read(url);
    expect(sources["git"]).toMatchObject({ state: "SOURCE_STATE_FRESH" });
    expect(sources["task"]).toMatchObject({ state: "SOURCE_STATE_FRESH" });
    expect(data).toMatchObject({
      git_branch: { value: "main" },
      git_commit_message: { value: "first" },
      workspace_task_status: { value: "running" },
    });
  }

  expect(
    there("rm -f ../ballast .git/*.lock && echo b >file && git checkout -qb next && git commit -qam second"),
  ).toBe(0);
  expect(there(hook, stop)).toBe(0);
  expect((await read(url)).data).toMatchObject({
    git_branch: { value: "next" },
    git_commit_message: { value: "second" },
    workspace_task_status: { value: "idle" },
  });
  kill("SIGTERM");
  expect((await ended).code).toBe(0);
});

test("S22: with the limit on watches reached, it says so, and every read is right", async ({ skip }) => {
  skip(!canLimitWatches, "this machine lets nobody but root limit the watches of a program");
  const repository = createRepository();
  repository.commit({ "a/file": "a", "b/file": "b", "c/file": "c", "d/e/file": "d" }, "first");
  const { url, kill, ended } = await startProgram([], {
    cwd: repository.root,
    env: {
      HOME: repository.home,
      GIT_CONFIG_NOSYSTEM: "1",
      FLEET_METADATA_TASK_FILE: join(emptyDirectory(), "task.json"),
    },
    through: [...NAMESPACE, "sh", "-c", `${LIMIT_WATCHES} && exec "$0" "$@"`],
  });
  for (let round = 0; round < 5; round += 1) {
    writeFileSync(repository.path("d/e/file"), `${round}`);
    const { data, sources } = await read(url);
    expect(sources["git"]).toMatchObject({ state: "SOURCE_STATE_FRESH" });
    expect(data["git_modified_files"]).toMatchObject({ value: 1 });
    const head = repository.commit({ "d/e/file": `${round}` }, `change ${round}`);
    const after = await read(url);
    expect(after.data["git_commit_sha"]).toMatchObject({ value: head });
    expect(after.data["git_status"]).toMatchObject({ value: "clean" });
  }
  let { sources } = await read(url);
  for (const giveUpMs = performance.now() + 15_000; !/watch/.test(sources["git"]?.message ?? ""); ) {
    expect(performance.now(), `git says: ${JSON.stringify(sources["git"])}`).toBeLessThan(giveUpMs);
    ({ sources } = await read(url));
  }
  kill("SIGTERM");
  const { code, stdout } = await ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/watch/);
});

test("S22: with the clock set back by a day, no age is negative, and changes are seen", async () => {
  let offsetMs = 0;
  const time = {
    ...systemTimers,
    monotonicMs: () => systemClock.monotonicMs(),
    wallMs: () => systemClock.wallMs() + offsetMs,
  };
  const git = new ControlledCollector("git", data({ git: { branch: "before" } }));
  const server = await startServer({ collectors: [git.scheduled()], time });
  expect((await read(server.url)).data["git_branch"]).toMatchObject({ value: "before" });
  offsetMs = -DAY_MS;
  const kept = await read(server.url);
  expect(kept.data["git_branch"]).toMatchObject({ value: "before" });
  expect(Number.parseFloat(kept.sources["git"]?.age ?? "")).toBeGreaterThanOrEqual(0);
  git.set(data({ git: { branch: "after" } }));
  const changed = await read(server.url);
  expect(changed.data["git_branch"]).toMatchObject({ value: "after" });
  expect(Number.parseFloat(changed.sources["git"]?.age ?? "")).toBeGreaterThanOrEqual(0);
});
