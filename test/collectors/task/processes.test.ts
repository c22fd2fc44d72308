// A coding agent in the process list: with real processes.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it, onTestFinished } from "vitest";
import { createProcessList, createTaskCollector } from "../../../src/collectors/task/index.ts";
import { type ProcFiles, processIds, processStat, systemProc } from "../../../src/collectors/task/proc.ts";
import { TaskEvidence, TaskSchema, TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { startAgent, startProgram, startZombie } from "../../helpers/agent-process.ts";
import { ManualTime } from "../../helpers/manual-time.ts";

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
    device: () => 1,
  };
  return { proc, read };
}

/** A /proc that cannot be read, for this reason. */
function failing(code: string): ProcFiles {
  const fail = (): never => {
    throw Object.assign(new Error(code), { code });
  };
  return { list: fail, read: fail, readLink: fail, owner: fail, device: fail };
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
  ])("knows %s as %s, and since when it is there; but not what it does", async (name, agent) => {
    const before = Date.now();
    const { pid } = await startAgent(name);
    const { task, ...rest } = await ask(only(pid));
    expect(task).toMatchObject({ agent });
    expect(task).not.toHaveProperty("status");
    expect(rest).toEqual({});
    const { startedAt } = create(TaskSchema, task);
    const startedMs = startedAt && timestampMs(startedAt);
    // The kernel says in whole seconds when it was started itself.
    expect(startedMs).toBeGreaterThan(before - 2_000);
    expect(startedMs).toBeLessThan(Date.now() + 2_000);
  });

  it("does not count an agent that has ended, though its parent has not asked how", async () => {
    expect(await ask(only(await startZombie("claude")))).toEqual({});
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
      const source = createProcessList({ proc });
      expect(await source.ask(AbortSignal.timeout(10_000))).toEqual({
        problem: { reason: "PROCESSES_UNREADABLE", message: expect.stringContaining("EMFILE") },
      });
      expect(source.periodMs()).toBe(1_000);
    }
  });

  it("S22: does not say that there is none when looking takes too long, or is called off", async () => {
    const late = new ManualTime();
    const list = () => Array.from({ length: 1_000 }, (_, index) => String(index + 1));
    const source = createProcessList({ proc: { ...failing("ENOENT"), list }, time: late });
    const problem = { reason: "PROCESSES_UNREADABLE", message: expect.stringContaining("takes too long") };
    const answer = source.ask(AbortSignal.timeout(10_000));
    await late.advance(2_001);
    expect(await answer).toEqual({ problem });
    expect(await source.ask(AbortSignal.abort())).toEqual({ problem });
    expect(await source.ask(AbortSignal.timeout(10_000))).toEqual({});
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
    const ticksOf = (pid: number): number => processStat(pid, systemProc)?.startTicks ?? 0;
    let second = await startAgent("codex");
    while (ticksOf(second.pid) <= ticksOf(first.pid)) {
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
    const source = createProcessList({ proc: moved });
    const first = await source.ask(AbortSignal.timeout(10_000));
    ahead = 3_600;
    expect(await source.ask(AbortSignal.timeout(10_000))).toEqual(first);
  });

  it.each([
    [".local/share/claude/versions/2.1.37", "claude-code"],
    [".local/share/cursor-agent/versions/2026.05.01-eea359f/node", "cursor-agent"],
    ["bin/codex-x86_64-unknown-linux-musl", "codex"],
    ["bin/node", undefined],
    ["claude/bin/node", undefined],
    ["goose/bin/2.1.37", undefined],
  ])("knows the program %s as %s, by where it lies", async (path, agent) => {
    const { pid, program } = await startProgram(path);
    expect((await ask(only(pid))).task?.agent).toBe(agent);
    // An update has removed what still runs.
    rmSync(program);
    expect((await ask(only(pid))).task?.agent).toBe(agent);
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
      expect(path).toMatch(/^\/proc\/(?:stat|loadavg|\d+(?:\/(?:comm|exe|stat))?)$/);
    }
  });

  it("S21: finds a real agent among all real processes", async () => {
    const { pid } = await startAgent("claude", "sk-secret");
    expect(processIds(systemProc)).toContain(pid);
    const { task } = await ask();
    expect(task?.status).toBeUndefined();
    expect(task?.agent).toEqual(expect.any(String));
  });

  it("is the weakest evidence of the task collector", async () => {
    const directory = mkdtempSync(join(tmpdir(), "fleet-processes-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const { pid } = await startAgent("codex");
    const collector = createTaskCollector({
      file: join(directory, "none.json"),
      workspace: "/",
      evidenceSources: [createProcessList(only(pid))],
    });
    expect(await collector.collect({ signal: AbortSignal.timeout(10_000) })).toMatchObject({
      outcome: "data",
      metadata: {
        workspace: { task: { agent: "codex", source: TaskEvidence.PROCESS } },
      },
      holdsMs: 10_000,
    });
  });
});

describe("the processes that are looked at", () => {
  /** These processes; `last` is the id that the kernel says it gave last. */
  function machine(...pids: readonly number[]) {
    const state = { pids: [...pids], last: "77", lists: 0 };
    const time = new ManualTime();
    const { proc, read } = only();
    const told: ProcFiles = {
      ...proc,
      list: () => {
        state.lists += 1;
        return state.pids.map(String);
      },
      read: (path) => (path === "/proc/loadavg" ? `0.00 0.01 0.05 1/123 ${state.last}\n` : proc.read(path)),
    };
    const source = createProcessList({ proc: told, time });
    /** Asks after so long. @returns the agent, and how often the machine's processes were listed and their files read. */
    const ask = async (afterMs = 10_000) => {
      await time.advance(afterMs);
      state.lists = 0;
      read.length = 0;
      const { task } = await source.ask(AbortSignal.timeout(10_000));
      const lookedAt = [...new Set(read.flatMap((path) => path.match(/(?<=^\/proc\/)\d+/) ?? []))].map(
        Number,
      );
      return { agent: task?.agent, lists: state.lists, lookedAt };
    };
    return { state, ask, source, time };
  }
  const others = async () => {
    const started = await Promise.all([startAgent("one"), startAgent("two")]);
    return started.map(({ pid }) => pid);
  };

  it("are none while no new one is there, but all every ten minutes", async () => {
    const pids = await others();
    const { ask } = machine(...pids);
    expect(await ask()).toEqual({ agent: undefined, lists: 1, lookedAt: pids });
    // A new process may not yet be what it will be.
    expect(await ask()).toEqual({ agent: undefined, lists: 0, lookedAt: pids });
    for (let i = 2; i < 60; i++) {
      expect(await ask()).toEqual({ agent: undefined, lists: 0, lookedAt: [] });
    }
    expect(await ask()).toEqual({ agent: undefined, lists: 1, lookedAt: pids });
    expect(await ask()).toEqual({ agent: undefined, lists: 0, lookedAt: [] });
  });

  it("are all that run a program once a minute when anything has begun meanwhile, be it over by now", async () => {
    const pids = await others();
    const zombie = await startZombie("claude");
    const { state, ask } = machine(...pids, zombie);
    expect((await ask()).lookedAt).toEqual([...pids, zombie]);
    await ask();
    state.last = "78";
    expect(await ask()).toEqual({ agent: undefined, lists: 1, lookedAt: [] });
    for (let i = 3; i < 6; i++) {
      expect(await ask()).toEqual({ agent: undefined, lists: 0, lookedAt: [] });
    }
    expect(await ask()).toEqual({ agent: undefined, lists: 1, lookedAt: pids });
  });

  it("are the new ones, and the agents", async () => {
    const pids = await others();
    const { state, ask } = machine(...pids);
    await ask();
    await ask();
    const { pid, end } = await startAgent("claude");
    state.pids.push(pid);
    state.last = "78";
    expect(await ask()).toEqual({ agent: "claude-code", lists: 1, lookedAt: [pid] });
    expect(await ask()).toEqual({ agent: "claude-code", lists: 0, lookedAt: [pid] });
    await end();
    expect(await ask()).toMatchObject({ agent: undefined, lists: 0 });
  });

  it.each(["0", ""])("are found by listing all where the kernel says %j in place of an id", async (last) => {
    const pids = await others();
    const { state, ask } = machine(...pids);
    state.last = last;
    await ask();
    await ask();
    expect(await ask()).toEqual({ agent: undefined, lists: 1, lookedAt: [] });
    const { pid } = await startAgent("claude");
    state.pids.push(pid);
    expect(await ask()).toEqual({ agent: "claude-code", lists: 1, lookedAt: [pid] });
  });

  it("are found by listing all where what says the last id is not the kernel's, or cannot be read", async () => {
    for (const device of [
      (path: string) => path.length,
      () => {
        throw Object.assign(new Error("ENOTCONN"), { code: "ENOTCONN" });
      },
    ]) {
      const { pid } = await startAgent("shell");
      const { proc } = only();
      let pids = [pid];
      const search = createProcessList({
        proc: { ...proc, list: () => pids.map(String), read: (path) => proc.read(path), device },
      });
      const ask = async () => (await search.ask(AbortSignal.timeout(10_000))).task?.agent;
      expect(await ask()).toBeUndefined();
      expect(await ask()).toBeUndefined();
      pids = [pid, (await startAgent("claude")).pid];
      expect(await ask()).toBe("claude-code");
    }
  });

  it("are found without asking each time whether what says the last id is the kernel's", async () => {
    const time = new ManualTime();
    const { proc } = only();
    let asked = 0;
    const device = (): number => {
      asked += 1;
      return 1;
    };
    const read = (path: string) => (path === "/proc/loadavg" ? "0.00 0.01 0.05 1/123 77\n" : proc.read(path));
    const source = createProcessList({ proc: { ...proc, read, device }, time });
    for (let minute = 0; minute < 9; minute++) {
      await source.ask(AbortSignal.timeout(10_000));
      await time.advance(60_000);
    }
    expect(asked).toBe(2);
    await time.advance(60_000);
    await source.ask(AbortSignal.timeout(10_000));
    expect(asked).toBe(4);
  });

  it("S22: include an agent of which something cannot be read for a moment", async () => {
    const { pid } = await startAgent("claude");
    const { proc } = only(pid);
    let isFull = true;
    const read = (path: string): string => {
      if (isFull && path.endsWith("/stat")) {
        throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
      }
      return proc.read(path);
    };
    const source = createProcessList({ proc: { ...proc, read } });
    for (let i = 0; i < 3; i++) {
      expect(await source.ask(AbortSignal.timeout(10_000))).toHaveProperty("problem");
    }
    isFull = false;
    expect((await source.ask(AbortSignal.timeout(10_000))).task?.agent).toBe("claude-code");
  });

  it("include one that becomes an agent: a new one at once, another one within a minute", async () => {
    const [fresh, old] = [await startAgent("shell"), await startAgent("shell")];
    const { state, ask } = machine(old.pid);
    await ask();
    await ask();
    state.pids.push(fresh.pid);
    state.last = "78";
    expect((await ask()).agent).toBeUndefined();
    await fresh.become("codex");
    expect((await ask()).agent).toBe("codex");
    await fresh.end();
    await old.become("claude");
    expect((await ask()).agent).toBeUndefined();
    expect((await ask(60_000)).agent).toBe("claude-code");
  });

  it("are looked at again when that has failed", async () => {
    const { pid } = await startAgent("claude");
    const { proc } = only(pid, process.pid);
    let isFull = true;
    const failing: ProcFiles = {
      ...proc,
      read: (path) => {
        if (isFull && path === `/proc/${process.pid}/comm`) {
          throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
        }
        return proc.read(path);
      },
    };
    const source = createProcessList({ proc: failing });
    expect(await source.ask(AbortSignal.timeout(10_000))).toHaveProperty("problem");
    isFull = false;
    expect((await source.ask(AbortSignal.timeout(10_000))).task?.agent).toBe("claude-code");
  });
});

describe("the processes that are followed", () => {
  function follow(options: Parameters<typeof createProcessList>[0] = {}) {
    const time = new ManualTime();
    const source = createProcessList({ time, ...options });
    const end = new AbortController();
    const told: (string | undefined)[] = [];
    const use = () =>
      source.follow?.(({ task, problem }) => told.push(problem?.reason ?? task?.agent), end.signal);
    return { time, source, end, told, use };
  }

  it("are told of every 10 s, and hold for five minutes, until nobody has asked for a little longer", async () => {
    const { pid, end } = await startAgent("claude");
    const { time, source, told, use } = follow(only(pid));
    expect(source.periodMs()).toBe(10_000);
    use();
    expect(source.periodMs()).toBe(300_000);
    await time.advance(9_999);
    expect(told).toEqual([]);
    await time.advance(1);
    expect(told).toEqual(["claude-code"]);
    await end();
    await time.advance(10_000);
    expect(told).toEqual(["claude-code", undefined]);
    use();
    await time.advance(320_000);
    expect(told).toHaveLength(34);
    expect(source.periodMs()).toBe(300_000);
    await time.advance(10_000);
    expect(told).toHaveLength(34);
    expect(source.periodMs()).toBe(10_000);
    expect(time.timersMs).toEqual([]);
    use();
    await time.advance(10_000);
    expect(told).toHaveLength(35);
  });

  it("are looked at again after a second while they cannot be", async () => {
    let proc = failing("EMFILE");
    const forwarding: ProcFiles = {
      list: (path) => proc.list(path),
      read: (path) => proc.read(path),
      readLink: (path) => proc.readLink(path),
      owner: (path) => proc.owner(path),
      device: (path) => proc.device(path),
    };
    const { time, source, told, use } = follow({ proc: forwarding });
    use();
    await time.advance(10_000);
    expect(told).toEqual(["PROCESSES_UNREADABLE"]);
    expect(source.periodMs()).toBe(1_000);
    proc = failing("ENOENT");
    await time.advance(1_000);
    expect(told).toEqual(["PROCESSES_UNREADABLE", undefined]);
    expect(source.periodMs()).toBe(300_000);
  });

  it("are not when that is over, nor after a defect", async () => {
    const first = follow(only());
    first.use();
    first.end.abort();
    first.use();
    expect(first.time.timersMs).toEqual([]);
    expect(first.source.periodMs()).toBe(10_000);
    const list = (): never => {
      throw new Error("a defect");
    };
    const second = follow({ proc: { ...systemProc, list } });
    second.use();
    await second.time.advance(20_000);
    expect(second.told).toEqual([]);
    expect(second.time.timersMs).toEqual([]);
    await expect(second.source.ask(AbortSignal.timeout(10_000))).rejects.toThrow("a defect");
  });
});

describe("a task file that says running", () => {
  async function collect(staleAfterMs: number, pids: readonly number[], filePid?: number) {
    const directory = mkdtempSync(join(tmpdir(), "fleet-processes-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, "task.json");
    const updated_at = new Date(Date.now() - 20 * 60_000).toISOString();
    writeFileSync(file, JSON.stringify({ status: "running", pid: filePid, updated_at }));
    const evidenceSources = [createProcessList(only(...pids))];
    const collector = createTaskCollector({ file, workspace: "/", evidenceSources, staleAfterMs });
    return collector.collect({ signal: AbortSignal.timeout(10_000) });
  }

  it("is still what is served, as stale, when all that is fresh is that an agent lives: a build may take long", async () => {
    const { pid } = await startAgent("codex");
    expect(await collect(15 * 60_000, [pid])).toMatchObject({
      outcome: "data",
      metadata: { workspace: { task: { status: TaskStatus.RUNNING, source: TaskEvidence.FILE } } },
      stale: { reason: "TASK_STALE", message: expect.stringContaining("the process list has codex") },
    });
  });

  it("is failed when its process is gone and no agent is there", async () => {
    const { pid, end } = await startAgent("codex");
    await end();
    expect(await collect(60 * 60_000, [], pid)).toMatchObject({
      metadata: { workspace: { task: { status: TaskStatus.FAILED, source: TaskEvidence.FILE } } },
      warning: { reason: "TASK_PROCESS_GONE" },
    });
  });
});
