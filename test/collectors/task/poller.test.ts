// How evidence sources are asked: in their period, in the background, and never in the way of stronger evidence.

import { getEventListeners } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Collected } from "../../../src/collectors/collector.ts";
import type { EvidenceSource, Finding } from "../../../src/collectors/task/finding.ts";
import { createTaskCollector } from "../../../src/collectors/task/index.ts";
import { TaskEvidence, TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { until, within } from "../../helpers/wait.ts";

/** An evidence source whose answers a test gives by hand. */
function createStub(kind: TaskEvidence = TaskEvidence.AGENTAPI, isRemote = false) {
  const open: { answer: (finding: Finding) => void; fail: (error: unknown) => void; signal: AbortSignal }[] =
    [];
  let asked = 0;
  const source: EvidenceSource = {
    kind,
    isRemote,
    periodMs: () => 1_000,
    deadlineMs: 60_000,
    ask: (signal) => {
      asked += 1;
      return new Promise((answer, fail) => {
        open.push({ answer, fail, signal });
        signal.addEventListener("abort", () => fail(signal.reason));
      });
    },
  };
  /** Answers the question that has been open longest, once there is one. */
  const next = async () => {
    await until(() => open.length > 0, "the source is asked");
    const question = open.shift();
    if (question === undefined) {
      throw new Error("nobody asks");
    }
    return question;
  };
  return { source, next, asked: () => asked };
}

function setUp(...evidenceSources: readonly EvidenceSource[]) {
  const directory = mkdtempSync(join(tmpdir(), "fleet-poller-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "task.json");
  const end = new AbortController();
  onTestFinished(() => end.abort());
  let clock = 0;
  let changes = 0;
  const collector = createTaskCollector({ file, workspace: "/", evidenceSources, monotonicMs: () => clock });
  return {
    end,
    changes: () => changes,
    pass: (ms: number): void => {
      clock += ms;
    },
    write: (status: string): void => writeFileSync(file, JSON.stringify({ status })),
    follow: (): void =>
      collector.watch?.({ changed: () => (changes += 1), coverage: () => undefined }, end.signal),
    collect: (): Promise<Collected> =>
      within(10_000, "a collection", collector.collect({ signal: AbortSignal.timeout(20_000) })),
  };
}

const RUNNING: Finding = { task: { status: TaskStatus.RUNNING } };
const IDLE: Finding = { task: { status: TaskStatus.IDLE } };
const status = (value: TaskStatus) => ({ metadata: { workspace: { task: { status: value } } } });
const noTask = { outcome: "no_data", reason: "NO_TASK_FILE" };

describe("an evidence source", () => {
  it("is waited for while nothing stronger is known", async () => {
    const { source, next } = createStub();
    const { collect } = setUp(source);
    const collected = collect();
    (await next()).answer(RUNNING);
    expect(await collected).toMatchObject(status(TaskStatus.RUNNING));
  });

  it("is not waited for when the file says all", async () => {
    const { source, asked } = createStub();
    const { collect, write } = setUp(source);
    write("waiting");
    expect(await collect()).toMatchObject(status(TaskStatus.WAITING));
    expect(asked()).toBe(1);
  });

  it("S20: that is slow is waited for half a second, and then not again until it has answered in time", async () => {
    const { source, next, asked } = createStub();
    const { collect, pass } = setUp(source);
    const startedMs = performance.now();
    expect(await collect()).toMatchObject(noTask);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(400);
    for (let index = 0; index < 20; index += 1) {
      expect(await collect()).toMatchObject(noTask);
    }
    // One of these waits would take half a second.
    expect(performance.now() - startedMs - tookMs).toBeLessThan(5_000);
    pass(30_000);
    (await next()).answer(RUNNING);
    await until(() => asked() === 1, "it was asked once");
    expect(await collect()).toMatchObject(status(TaskStatus.RUNNING));
  });

  it("S20: that is far away is waited for once; then what it said last counts until it says more", async () => {
    const { source, next } = createStub(TaskEvidence.CODER, true);
    const { collect, pass, follow, changes } = setUp(source);
    follow();
    const first = collect();
    (await next()).answer(RUNNING);
    expect(await first).toMatchObject(status(TaskStatus.RUNNING));
    pass(1_000);
    expect(await collect()).toMatchObject(status(TaskStatus.RUNNING));
    const before = changes();
    (await next()).answer(IDLE);
    await until(() => changes() > before, "the change is told");
    expect(await collect()).toMatchObject(status(TaskStatus.IDLE));
  });

  it("is asked once in its period, and only by collections", async () => {
    const { source, next, asked } = createStub();
    const { collect, pass } = setUp(source);
    const first = collect();
    (await next()).answer(IDLE);
    await first;
    pass(999);
    await collect();
    expect(asked()).toBe(1);
    pass(1);
    const second = collect();
    (await next()).answer(RUNNING);
    expect(await second).toMatchObject(status(TaskStatus.RUNNING));
    pass(3_600_000);
    expect(asked()).toBe(2);
  });

  it("is told of when it changes its mind and nobody waits", async () => {
    const { source, next } = createStub();
    const { collect, follow, changes, write, pass } = setUp(source);
    follow();
    write("idle");
    await collect();
    const before = changes();
    (await next()).answer(RUNNING);
    await until(() => changes() > before, "the change is told");
    expect(await collect()).toMatchObject({
      ...status(TaskStatus.IDLE),
      warning: { reason: "TASK_EVIDENCE_DIFFERS", message: "AgentAPI says running" },
    });
    pass(1_000);
    const told = changes();
    await collect();
    (await next()).answer(RUNNING);
    await collect();
    expect(changes()).toBe(told);
  });

  it("that fails keeps what it said last, as stale, and costs the others nothing", async () => {
    const agentApi = createStub(TaskEvidence.AGENTAPI);
    const coder = createStub(TaskEvidence.CODER);
    const { collect, pass } = setUp(agentApi.source, coder.source);
    const first = collect();
    (await agentApi.next()).answer(RUNNING);
    await first;
    (await coder.next()).answer({ problem: { reason: "CODER_TIMEOUT", message: "too late" } });
    expect(await collect()).toMatchObject({ warning: { reason: "CODER_TIMEOUT" } });
    pass(1_000);
    const second = collect();
    (await agentApi.next()).answer({ problem: { reason: "AGENTAPI_INVALID", message: "nonsense" } });
    (await coder.next()).answer({});
    expect(await second).toMatchObject({
      ...status(TaskStatus.RUNNING),
      stale: { reason: "AGENTAPI_INVALID", message: "nonsense" },
    });
    pass(1_000);
    const third = collect();
    (await agentApi.next()).answer({ problem: { reason: "AGENTAPI_INVALID", message: "nonsense" } });
    (await coder.next()).answer({ task: { status: TaskStatus.COMPLETED } });
    expect(await third).toMatchObject({
      ...status(TaskStatus.COMPLETED),
      warning: { reason: "AGENTAPI_INVALID", message: "AgentAPI says running: nonsense" },
    });
  });

  it("that alone could tell, and fails, is an error: nothing is not the same as unknown", async () => {
    const { source, next } = createStub();
    const { collect } = setUp(source);
    const collected = collect();
    (await next()).answer({ problem: { reason: "AGENTAPI_INVALID", message: "nonsense" } });
    await expect(collected).rejects.toMatchObject({ reason: "AGENTAPI_INVALID", invalidates: true });
  });

  it("that has a defect is a problem like any other", async () => {
    const { source, next } = createStub();
    const { collect } = setUp(source);
    const collected = collect();
    (await next()).fail(new Error("oops"));
    await expect(collected).rejects.toMatchObject({ reason: "TASK_EVIDENCE_DEFECT" });
  });

  it("is let go at the end, and not asked again", async () => {
    const { source, next, asked } = createStub();
    const { collect, follow, write, end, changes, pass } = setUp(source);
    follow();
    write("idle");
    await collect();
    const { signal } = await next();
    const before = changes();
    end.abort();
    expect(signal.aborted).toBe(true);
    pass(60_000);
    await collect();
    expect(asked()).toBe(1);
    expect(changes()).toBe(before);
    expect(getEventListeners(end.signal, "abort")).toEqual([]);
  });
});
