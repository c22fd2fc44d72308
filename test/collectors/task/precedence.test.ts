// Which evidence is believed, as a table.

import { describe, expect, it } from "vitest";
import type { Problem } from "../../../src/collectors/collector.ts";
import type { Finding } from "../../../src/collectors/task/finding.ts";
import { type Evidence, weigh } from "../../../src/collectors/task/precedence.ts";
import { TaskEvidence, TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";

const KINDS = {
  file: TaskEvidence.FILE,
  agentapi: TaskEvidence.AGENTAPI,
  coder: TaskEvidence.CODER,
  process: TaskEvidence.PROCESS,
} as const;
type Kind = keyof typeof KINDS;

const { IDLE, RUNNING, WAITING, COMPLETED, FAILED } = TaskStatus;

/** What each kind says, in the form of a line of a table. */
type Says = Partial<Record<Kind, Finding>>;

const says = (status: TaskStatus): Finding => ({ task: { status } });
/** All that a process tells. */
const LIVES: Finding = { task: { agent: "codex", startedAt: { seconds: 1n } } };
const OLD: Problem = { reason: "TASK_STALE", message: "not updated" };
const BROKEN: Problem = { reason: "TASK_FILE_NOT_JSON", message: "it is not JSON" };
const SLOW: Problem = { reason: "AGENTAPI_TIMEOUT", message: "it did not answer in time" };
const stale = (status: TaskStatus, problem = OLD): Finding => ({ task: { status }, stale: problem });

function judge(evidence: Says) {
  const all = Object.entries(KINDS).map(([name, kind]): Evidence => ({ ...evidence[name as Kind], kind }));
  return weigh(all);
}

describe("the evidence that is believed", () => {
  it.each<[string, Says, Kind, TaskStatus | undefined]>([
    ["the file's alone", { file: says(RUNNING) }, "file", RUNNING],
    ["AgentAPI's alone", { agentapi: says(RUNNING) }, "agentapi", RUNNING],
    ["Coder's alone", { coder: says(COMPLETED) }, "coder", COMPLETED],
    ["a process's alone, which tells no status", { process: LIVES }, "process", undefined],
    ["the file's before AgentAPI's", { file: says(WAITING), agentapi: says(IDLE) }, "file", WAITING],
    ["AgentAPI's before Coder's", { agentapi: says(IDLE), coder: says(RUNNING) }, "agentapi", IDLE],
    ["Coder's before a process's", { coder: says(FAILED), process: LIVES }, "coder", FAILED],
    [
      "the file's before all others'",
      { file: says(IDLE), agentapi: says(RUNNING), coder: says(RUNNING), process: LIVES },
      "file",
      IDLE,
    ],
    ["what is not stale", { file: stale(RUNNING), agentapi: says(IDLE) }, "agentapi", IDLE],
    [
      "the file's, stale as it is, before a process's, which tells no status",
      { file: stale(RUNNING), process: LIVES },
      "file",
      RUNNING,
    ],
    [
      "the strongest of what is not stale",
      { file: stale(RUNNING), agentapi: stale(RUNNING), coder: says(COMPLETED), process: LIVES },
      "coder",
      COMPLETED,
    ],
    ["the strongest, when all is stale", { file: stale(RUNNING), coder: stale(FAILED) }, "file", RUNNING],
    [
      "the file's, stale for a moment",
      { file: { ...stale(WAITING, BROKEN), isMomentary: true }, agentapi: says(IDLE) },
      "file",
      WAITING,
    ],
    [
      "weaker one beside a broken file",
      { file: { problem: BROKEN }, coder: says(RUNNING) },
      "coder",
      RUNNING,
    ],
    ["weaker one beside a slow one", { agentapi: { problem: SLOW }, process: LIVES }, "process", undefined],
  ])("is %s", (_, evidence, kind, status) => {
    const { task } = judge(evidence);
    expect(task?.source).toBe(KINDS[kind]);
    expect(task?.status).toBe(status);
  });

  it("is none where none says anything", () => {
    expect(judge({})).toEqual({});
    expect(judge({ file: { problem: BROKEN } })).toEqual({ warning: BROKEN });
  });

  it("is not mixed with weaker evidence: another agent may be meant", () => {
    const { task } = judge({
      file: says(RUNNING),
      process: LIVES,
    });
    expect(task).toEqual({ status: RUNNING, source: TaskEvidence.FILE });
  });
});

describe("what is said beside it", () => {
  const differs = (message: string): Problem => ({ reason: "TASK_EVIDENCE_DIFFERS", message });

  it.each<[string, Says, Problem | undefined]>([
    ["nothing, when all agree", { file: says(RUNNING), agentapi: says(RUNNING) }, undefined],
    ["who says otherwise", { file: says(IDLE), agentapi: says(RUNNING) }, differs("AgentAPI says running")],
    [
      "everyone who says otherwise",
      { file: says(RUNNING), agentapi: says(IDLE), coder: says(COMPLETED) },
      differs("AgentAPI says idle; Coder says completed"),
    ],
    [
      "not that AgentAPI cannot tell waiting from idle",
      { file: says(WAITING), agentapi: says(IDLE) },
      undefined,
    ],
    ["nor completed from idle", { file: says(COMPLETED), coder: says(IDLE) }, undefined],
    ["that Coder says failed", { file: says(COMPLETED), coder: says(FAILED) }, differs("Coder says failed")],
    ["nothing of a process, which may do anything", { file: says(RUNNING), process: LIVES }, undefined],
    [
      "what is stale",
      { file: stale(RUNNING), agentapi: says(IDLE) },
      { reason: "TASK_STALE", message: "the task file says running: not updated" },
    ],
    ["what is stale and says the same", { file: stale(RUNNING), agentapi: says(RUNNING) }, OLD],
    ["what is broken", { file: { problem: BROKEN }, coder: says(RUNNING) }, BROKEN],
    ["what is slow, though it is weaker", { file: says(IDLE), agentapi: { problem: SLOW } }, SLOW],
    [
      "its own problem first, then those of others",
      { file: { ...says(IDLE), problem: OLD }, agentapi: { problem: SLOW } },
      { reason: OLD.reason, message: "not updated; it did not answer in time" },
    ],
  ])("is %s", (_, evidence, warning) => {
    const verdict = judge(evidence);
    expect(verdict.warning).toEqual(warning);
    expect(verdict.stale).toBeUndefined();
  });

  it("is that an agent's process is there, when only that is fresh", () => {
    expect(judge({ file: stale(RUNNING), process: LIVES })).toEqual({
      task: { status: RUNNING, source: TaskEvidence.FILE },
      stale: {
        reason: "TASK_STALE",
        message: "not updated; the process list has codex, and tells no status",
      },
    });
  });

  it("is why it is stale, and then the rest", () => {
    expect(judge({ file: stale(RUNNING), agentapi: { problem: SLOW } })).toEqual({
      task: { status: RUNNING, source: TaskEvidence.FILE },
      stale: { reason: "TASK_STALE", message: "not updated; it did not answer in time" },
    });
  });
});
