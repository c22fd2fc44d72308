// Whether what a task file says still holds: with real files and real processes.

import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Collected } from "../../../src/collectors/collector.ts";
import type { EvidenceSource, Finding } from "../../../src/collectors/task/finding.ts";
import { createTaskCollector, type TaskCollectorOptions } from "../../../src/collectors/task/index.ts";
import { systemProc } from "../../../src/collectors/task/proc.ts";
import { TaskEvidence, TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { startAgent, startZombie } from "../../helpers/agent-process.ts";

const MINUTE_MS = 60_000;

function setUp(options: Partial<TaskCollectorOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "fleet-evidence-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "task.json");
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const collector = createTaskCollector({ file, workspace: "/", now, ...options });
  return {
    write: (content: unknown): void =>
      writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content)),
    collect: (): Promise<Collected> => collector.collect({ signal: AbortSignal.timeout(20_000) }),
    pass: (ms: number): void => {
      aheadMs += ms;
    },
  };
}

/** Weaker evidence that says this. */
function weaker(finding: Finding): EvidenceSource {
  const kind = TaskEvidence.AGENTAPI;
  return { kind, periodMs: () => 0, isRemote: false, deadlineMs: 1_000, ask: async () => finding };
}

const task = (values: object) => ({ outcome: "data", metadata: { workspace: { task: values } } });

describe("the agent's process", () => {
  it.each(["running", "waiting"])("S19: is there: %s it is", async (status) => {
    const { write, collect } = setUp();
    const { pid } = await startAgent("claude");
    write({ status, pid });
    const collected = await collect();
    expect(collected).toMatchObject(
      task({ status: TaskStatus[status === "running" ? "RUNNING" : "WAITING"] }),
    );
    expect(collected).not.toHaveProperty("warning");
    expect(collected.holdsMs).toBe(5_000);
  });

  it.each(["running", "waiting"])("S19: is gone: %s becomes failed, with that reason", async (status) => {
    const { write, collect } = setUp();
    const { pid, end } = await startAgent("claude");
    write({ status, pid });
    await collect();
    await end();
    expect(await collect()).toMatchObject({
      ...task({ status: TaskStatus.FAILED }),
      warning: { reason: "TASK_PROCESS_GONE", message: expect.stringContaining(`process ${pid} `) },
    });
  });

  it("S19: is gone though its parent has not asked how it ended", async () => {
    const { write, collect } = setUp();
    write({ status: "running", pid: await startZombie("claude") });
    expect(await collect()).toMatchObject({ warning: { reason: "TASK_PROCESS_GONE" } });
  });

  it("S19: is gone only where its number is its number: a container has numbers of its own", async () => {
    const { write, collect } = setUp();
    const { pid, end } = await startAgent("claude");
    await end();
    write({ status: "running", pid, pid_namespace: "pid:[1]" });
    const collected = await collect();
    expect(collected).toMatchObject(task({ status: TaskStatus.RUNNING }));
    expect(collected).not.toHaveProperty("warning");
    write({ status: "running", pid, pid_namespace: readlinkSync("/proc/self/ns/pid") });
    expect(await collect()).toMatchObject(task({ status: TaskStatus.FAILED }));
  });

  it.each(["idle", "completed", "failed"])("may be gone when the file says %s", async (status) => {
    const { write, collect } = setUp();
    const { pid, end } = await startAgent("claude");
    await end();
    write({ status, pid });
    const collected = await collect();
    expect(collected).toMatchObject(task({ status: TaskStatus[status.toUpperCase() as "IDLE"] }));
    expect(collected).not.toHaveProperty("warning");
    expect(collected).not.toHaveProperty("holdsMs");
  });

  it("S19: is another one that was given the same number: it began after the file was written", async () => {
    const { write, collect } = setUp();
    const { pid } = await startAgent("claude");
    write({ status: "running", pid, updated_at: new Date(Date.now() - MINUTE_MS).toISOString() });
    expect(await collect()).toMatchObject({ warning: { reason: "TASK_PROCESS_GONE" } });
  });

  it("S19: is another one when it began at another time than before", async () => {
    let ticks = 0;
    const proc: typeof systemProc = {
      ...systemProc,
      read: (path) =>
        systemProc.read(path).replace(/(?<=^\d+ \(.*\) (?:\S+ ){19})\d+/s, (own) => `${Number(own) + ticks}`),
    };
    const { write, collect } = setUp({ proc });
    const { pid } = await startAgent("claude");
    write({ status: "running", pid });
    expect(await collect()).toMatchObject(task({ status: TaskStatus.RUNNING }));
    ticks = 1;
    expect(await collect()).toMatchObject(task({ status: TaskStatus.FAILED }));
  });

  it("S19, S22: is the same one when the clock was set meanwhile", async () => {
    let aheadSeconds = 0;
    const proc: typeof systemProc = {
      ...systemProc,
      read: (path) =>
        systemProc.read(path).replace(/(?<=^btime )\d+/m, (own) => `${Number(own) + aheadSeconds}`),
    };
    const { write, collect } = setUp({ proc });
    const { pid } = await startAgent("claude");
    write({ status: "running", pid });
    await collect();
    aheadSeconds = 86_400;
    expect(await collect()).toMatchObject(task({ status: TaskStatus.RUNNING }));
  });

  it("S19: may be another user's, which only its existence is known of", async () => {
    const hidden: typeof systemProc = {
      ...systemProc,
      read: () => {
        throw new Error("hidden");
      },
    };
    const { write, collect } = setUp({ proc: hidden });
    write({ status: "running", pid: 1 });
    expect(await collect()).toMatchObject(task({ status: TaskStatus.RUNNING }));
  });

  it.each([4_194_305, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])(
    "S19: is gone when no process can have its number: %d",
    async (pid) => {
      const { write, collect } = setUp();
      write({ status: "running", pid });
      expect(await collect()).toMatchObject({ warning: { reason: "TASK_PROCESS_GONE" } });
    },
  );

  it("tells which agent it is, when the file does not", async () => {
    const { write, collect } = setUp();
    const { pid } = await startAgent("claude");
    write({ status: "running", pid });
    expect(await collect()).toMatchObject(task({ agent: "claude-code" }));
    write({ status: "running", pid, agent: "my-agent" });
    expect(await collect()).toMatchObject(task({ agent: "my-agent" }));
  });
});

describe("a file that was not updated", () => {
  it("S19: is stale when it says running", async () => {
    const { write, collect, pass } = setUp({ staleAfterMs: 15 * MINUTE_MS });
    write({ status: "running", description: "Mend the login" });
    pass(14 * MINUTE_MS);
    expect(await collect()).not.toHaveProperty("stale");
    pass(2 * MINUTE_MS);
    expect(await collect()).toMatchObject({
      ...task({ status: TaskStatus.RUNNING, description: "Mend the login" }),
      stale: { reason: "TASK_STALE", message: expect.stringContaining("--task-stale-after") },
    });
  });

  it.each(["idle", "waiting", "completed", "failed"])("holds when it says %s", async (status) => {
    const { write, collect, pass } = setUp();
    write({ status });
    pass(86_400_000);
    expect(await collect()).not.toHaveProperty("stale");
  });

  it("S19: gives way to weaker evidence that is not stale", async () => {
    const { write, collect, pass } = setUp({
      evidenceSources: [weaker({ task: { status: TaskStatus.IDLE } })],
    });
    write({ status: "running" });
    expect(await collect()).toMatchObject(task({ status: TaskStatus.RUNNING, source: TaskEvidence.FILE }));
    pass(16 * MINUTE_MS);
    expect(await collect()).toMatchObject({
      ...task({ status: TaskStatus.IDLE, source: TaskEvidence.AGENTAPI }),
      warning: { reason: "TASK_STALE", message: expect.stringContaining("the task file says running") },
    });
  });

  it("S19: and whose agent is gone gives way too", async () => {
    const { write, collect, pass } = setUp({
      evidenceSources: [weaker({ task: { status: TaskStatus.RUNNING } })],
    });
    const { pid, end } = await startAgent("claude");
    await end();
    write({ status: "running", pid });
    expect(await collect()).toMatchObject(task({ status: TaskStatus.FAILED, source: TaskEvidence.FILE }));
    pass(16 * MINUTE_MS);
    expect(await collect()).toMatchObject(
      task({ status: TaskStatus.RUNNING, source: TaskEvidence.AGENTAPI }),
    );
  });
});

describe("a file that is broken", () => {
  const idle = weaker({ task: { status: TaskStatus.IDLE } });

  it("S19: keeps what it said for a moment, then weaker evidence counts", async () => {
    const { write, collect, pass } = setUp({ evidenceSources: [idle] });
    write({ status: "waiting" });
    await collect();
    write('{"status": "run');
    const broken = { reason: "TASK_FILE_NOT_JSON" };
    const held = await collect();
    expect(held).toMatchObject({ ...task({ status: TaskStatus.WAITING }), stale: broken });
    expect(held.holdsMs).toBeLessThanOrEqual(5_000);
    pass(11_000);
    expect(await collect()).toMatchObject({ ...task({ status: TaskStatus.IDLE }), warning: broken });
    write({ status: "running" });
    expect(await collect()).toMatchObject(task({ status: TaskStatus.RUNNING }));
  });

  it("S19: from the start leaves it to weaker evidence, and is said", async () => {
    const { write, collect } = setUp({ evidenceSources: [idle] });
    write("{");
    expect(await collect()).toMatchObject({
      ...task({ status: TaskStatus.IDLE, source: TaskEvidence.AGENTAPI }),
      warning: { reason: "TASK_FILE_NOT_JSON" },
    });
  });

  it("S19: or about another workspace, leaves it to weaker evidence", async () => {
    const { write, collect } = setUp({ evidenceSources: [idle], workspace: "/work/project" });
    write({ status: "running", cwd: "/work/other" });
    const collected = await collect();
    expect(collected).toMatchObject(task({ status: TaskStatus.IDLE, source: TaskEvidence.AGENTAPI }));
    expect(collected).not.toHaveProperty("warning");
  });
});
