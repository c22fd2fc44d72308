// Part B of the guarantees: never in the way of whoever works in the repository, and never confused by them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
import { expect, test } from "vitest";
import { CollectError } from "../../../src/collectors/collector.ts";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import { type Git, GitStatus } from "../../../src/gen/fleet/metadata/v1/git_pb.ts";
import { deadline, gitOf, hardenedGit, reasonOf, section } from "../../helpers/git-source.ts";
import { until } from "../../helpers/processes.ts";
import { createRepository, type TestRepository, userEnvironment } from "../../helpers/repository.ts";

/** Runs a shell script in the repository and collects without pause until it has ended. */
async function collectDuring(repository: TestRepository, script: string) {
  const env = userEnvironment(repository.home);
  const agent = spawn("sh", ["-c", script], {
    cwd: repository.root,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaints = "";
  agent.stderr.on("data", (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const ended = once(agent, "close");
  const collector = createGitCollector({ git: hardenedGit(repository.home), workspace: repository.root });
  const found: Git[] = [];
  const failures: string[] = [];
  while (agent.exitCode === null) {
    try {
      found.push(section(await collector.collect({ signal: deadline() })));
    } catch (error) {
      if (!(error instanceof CollectError)) throw error;
      failures.push(error.reason);
    }
  }
  await ended;
  return { exitCode: agent.exitCode, complaints, found, failures };
}

/** Bytes and time of the index: whoever writes it changes the time. */
function index(repository: TestRepository) {
  const path = repository.path(".git", "index");
  return { bytes: readFileSync(path).toString("base64"), modifiedAtMs: statSync(path).mtimeMs };
}

test("G16: an agent that commits 150 times in a loop never fails while the state is collected without pause", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  const script = `
    for i in $(seq 150); do
      echo $i > a.txt && git add a.txt && git commit --quiet -m "commit $i" || exit 1
    done`;
  const { exitCode, complaints, found, failures } = await collectDuring(repository, script);
  expect({ exitCode, complaints, failures }).toEqual({ exitCode: 0, complaints: "", failures: [] });
  expect(found.length).toBeGreaterThan(5);
  expect((await gitOf(repository)).commit?.message).toBe("commit 150");
});

test("G16: the index is never written, even when git would like to", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n", "c.txt": "c\n" });
  // The content is as in the index, the time is not: a plain status corrects the index.
  utimesSync(repository.path("a.txt"), new Date(0), new Date(1_000_000_000_000));
  const before = index(repository);
  repository.write({ "b.txt": "b\n", "c.txt": "changed\n" });
  for (let times = 0; times < 3; times += 1) await gitOf(repository);
  expect(index(repository)).toEqual(before);
  repository.git("status");
  expect(index(repository)).not.toEqual(before);
});

test("G16: a comparison of contents, too, leaves the index alone", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  utimesSync(repository.path("a.txt"), new Date(0), new Date(1_000_000_000_000));
  const before = index(repository);
  const args = ["diff", "--shortstat", "HEAD"];
  await hardenedGit(repository.home).run(args, { cwd: repository.root, signal: deadline() });
  expect(index(repository)).toEqual(before);
  // Optional locks are not what keeps `git diff` from writing.
  repository.git("--no-optional-locks", ...args);
  expect(index(repository)).not.toEqual(before);
});

test("G15: during checkouts, branch, commit and files are those of one moment", async () => {
  const repository = createRepository();
  for (const branch of ["one", "two"]) {
    repository.git("checkout", "--quiet", "--orphan", branch);
    const files = Array.from({ length: 40 }, (_, number) => [`file-${number}.txt`, `${branch}\n`]);
    repository.commit(Object.fromEntries(files), `on ${branch}`);
  }
  const script = `
    for i in $(seq 30); do git checkout -q one && git checkout -q two || exit 1; done
    for i in $(seq 20); do git checkout -q one && sleep 0.03 && git checkout -q two && sleep 0.03 || exit 1; done`;
  const { exitCode, complaints, found, failures } = await collectDuring(repository, script);
  expect({ exitCode, complaints }).toEqual({ exitCode: 0, complaints: "" });
  expect(failures.filter((reason) => reason !== "CHANGED_WHILE_READING")).toEqual([]);
  expect(found.length).toBeGreaterThan(0);
  for (const { branch, commit, status } of found) {
    expect({ branch, message: commit?.message, status }).toEqual({
      branch,
      message: `on ${branch}`,
      status: GitStatus.CLEAN,
    });
  }
});

test("G15: while an empty lock is new, the state is not known; a crashed git's old one is disregarded", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  repository.write({ ".git/index.lock": "" });
  const collector = createGitCollector({ git: hardenedGit(repository.home), workspace: repository.root });
  const collect = () => collector.collect({ signal: deadline() });
  expect(await reasonOf(collect())).toBe("CHANGED_WHILE_READING");
  utimesSync(repository.path(".git", "index.lock"), new Date(0), new Date(1_000_000_000_000));
  expect(section(await collect())).toMatchObject({ branch: "main" });
});

test("G15: a commit that waits for its editor is waited for once", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  repository.write({ "a.txt": "b\n" });
  const trace = repository.path(".git", "editing");
  const env = { ...userEnvironment(repository.home), GIT_EDITOR: `sh -c ': > "${trace}"; read line'` };
  const commit = spawn("git", ["commit", "--all"], {
    cwd: repository.root,
    env,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = once(commit, "close");
  await until(() => existsSync(trace) && existsSync(repository.path(".git", "index.lock")));
  const collector = createGitCollector({ git: hardenedGit(repository.home), workspace: repository.root });
  const first = performance.now();
  expect(section(await collector.collect({ signal: deadline() }))).toMatchObject({ modifiedFiles: 1 });
  const second = performance.now();
  await collector.collect({ signal: deadline() });
  expect(performance.now() - second).toBeLessThan(second - first);
  commit.stdin.end("\n");
  await ended;
});
