// A coding agent in the process list: with real processes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { createProcessList, createTaskCollector } from "../../../src/collectors/task/index.ts";
import { type ProcFiles, parseStat, processIds, systemProc } from "../../../src/collectors/task/proc.ts";
import { TaskEvidence, TaskSchema, TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { startAgent } from "../../helpers/agent-process.ts";

/** The real /proc with these processes alone, and a note of everything that was read of it. */
function only(...pids: readonly number[]) {
  const read: string[] = [];
  const note = <T>(path: string, value: T): T => {
    read.push(path);
    return value;
  };
  const proc: ProcFiles = {
    list: () => pids.map(String),
    read: (path) => note(path, systemProc.read(path)),
    readLink: (path) => note(path, systemProc.readLink(path)),
    owner: (path) => note(path, systemProc.owner(path)),
  };
  return { proc, read };
}

/** A /proc that cannot be read, for this reason. */
function failing(code: string): ProcFiles {
  const fail = (): never => {
    throw Object.assign(new Error(code), { code });
  };
  return { list: fail, read: fail, readLink: fail, owner: fail };
}

const ask = (options: Parameters<typeof createProcessList>[0] = {}) =>
  createProcessList(options).ask(AbortSignal.timeout(10_000));

describe("the process list", () => {
  it.each([
    ["claude", "claude-code"],
    ["codex", "codex"],
    ["aider", "aider"],
    ["goose", "goose"],
    ["gemini", "gemini"],
    ["opencode", "opencode"],
    ["amp", "amp"],
    ["cursor-agent", "cursor-agent"],
    ["copilot", "copilot"],
    ["auggie", "auggie"],
  ])("knows %s as %s, and since when it is there; never that it works", async (name, agent) => {
    const before = Date.now();
    const { pid } = await startAgent(name);
    const { task, ...rest } = await ask(only(pid));
    expect(task).toMatchObject({ status: TaskStatus.IDLE, agent });
    expect(rest).toEqual({});
    const { startedAt } = create(TaskSchema, task);
    const startedMs = startedAt && timestampMs(startedAt);
    // The kernel says in whole seconds when it was started itself.
    expect(startedMs).toBeGreaterThan(before - 2_000);
    expect(startedMs).toBeLessThan(Date.now() + 2_000);
  });

  it("says nothing when no agent is there", async () => {
    const { pid } = await startAgent("claude-desktop");
    expect(await ask(only(pid, process.pid, 4_194_304))).toEqual({});
    expect(await ask(only())).toEqual({});
  });

  it("says nothing where there is no /proc", async () => {
    expect(await ask({ proc: failing("ENOENT") })).toEqual({});
  });

  it("S22: does not say that there is none when it cannot be read, and is tried again soon", async () => {
    const { pid } = await startAgent("claude");
    for (const proc of [failing("EMFILE"), { ...failing("EMFILE"), list: () => [String(pid)] }]) {
      const witness = createProcessList({ proc });
      expect(await witness.ask(AbortSignal.timeout(10_000))).toEqual({
        problem: { reason: "PROCESSES_UNREADABLE", message: expect.stringContaining("EMFILE") },
      });
      expect(witness.periodMs()).toBe(1_000);
    }
  });

  it("says nothing of another user's agent, nor of one that has ended", async () => {
    const { pid, end } = await startAgent("claude");
    const uid = systemProc.owner(`/proc/${pid}`);
    expect(await ask({ ...only(pid), uid })).toHaveProperty("task");
    expect(await ask({ ...only(pid), uid: uid + 1 })).toEqual({});
    await end();
    expect(await ask(only(pid))).toEqual({});
  });

  it("says of several agents which has been there longest: agents start others", async () => {
    const first = await startAgent("claude");
    const ticks = parseStat(systemProc.read(`/proc/${first.pid}/stat`))?.ticks ?? 0;
    let second = await startAgent("codex");
    while ((parseStat(systemProc.read(`/proc/${second.pid}/stat`))?.ticks ?? 0) <= ticks) {
      second = await startAgent("codex");
    }
    expect((await ask(only(first.pid, second.pid))).task?.agent).toBe("claude-code");
    expect((await ask(only(second.pid, first.pid))).task?.agent).toBe("claude-code");
  });

  it("says the same when the clock is set", async () => {
    const { pid } = await startAgent("claude");
    let ahead = 0;
    const { proc } = only(pid);
    const moved: ProcFiles = {
      ...proc,
      read: (path) => proc.read(path).replace(/(?<=^btime )\d+/m, (own) => `${Number(own) + ahead}`),
    };
    const witness = createProcessList({ proc: moved });
    const first = await witness.ask(AbortSignal.timeout(10_000));
    ahead = 3_600;
    expect(await witness.ask(AbortSignal.timeout(10_000))).toEqual(first);
  });

  it("S21: opens names and start times only, never a command line or an environment", async () => {
    const { pid } = await startAgent("claude", "--api-key", "sk-secret");
    const { proc, read } = only(pid, process.pid, 1);
    const found = await ask({ proc });
    expect(found.task?.agent).toBe("claude-code");
    expect(
      JSON.stringify(found, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
    ).not.toContain("secret");
    expect(read).toContain(`/proc/${pid}/comm`);
    for (const path of read) {
      expect(path).toMatch(/^\/proc\/(?:stat|\d+(?:\/(?:comm|exe|stat))?)$/);
    }
  });

  it("S21: finds a real agent among all real processes", async () => {
    const { pid } = await startAgent("claude", "sk-secret");
    expect(processIds(systemProc)).toContain(pid);
    const { task } = await ask();
    expect(task?.status).toBe(TaskStatus.IDLE);
    expect(task?.agent).toEqual(expect.any(String));
  });

  it("is the weakest evidence of the task collector", async () => {
    const directory = mkdtempSync(join(tmpdir(), "fleet-processes-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const { pid } = await startAgent("codex");
    const collector = createTaskCollector({
      file: join(directory, "none.json"),
      workspace: "/",
      witnesses: [createProcessList(only(pid))],
    });
    expect(await collector.collect({ signal: AbortSignal.timeout(10_000) })).toMatchObject({
      outcome: "data",
      metadata: {
        workspace: { task: { status: TaskStatus.IDLE, agent: "codex", source: TaskEvidence.PROCESS } },
      },
      holdsMs: 10_000,
    });
  });
});

describe("/proc/PID/stat", () => {
  it("is read whatever the process is called", () => {
    const line = (name: string): string =>
      `42 (${name}) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 8154 1 1 1\n`;
    for (const name of ["sh", "a b", "a) S 1 2 (b", "(((", ")", "\n"]) {
      expect(parseStat(line(name))).toEqual({ ticks: 8154, isZombie: false });
    }
    expect(parseStat(line("sh").replace(") S", ") Z"))).toMatchObject({ isZombie: true });
  });

  it("S25: is nothing when it is not what it should be", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(["undefined", "object"]).toContain(typeof parseStat(text));
      }),
    );
    expect(parseStat("")).toBeUndefined();
  });
});
