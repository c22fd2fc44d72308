// Which evidence is believed: the strongest that tells a status and is not stale. Pure.

import { TaskEvidence, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import type { Problem } from "../collector.ts";
import { type Finding, statusWord, type TaskInit } from "./finding.ts";

/** What one kind of evidence says. */
export interface Evidence extends Finding {
  readonly kind: TaskEvidence;
}

/** What all evidence together says. */
export interface Verdict {
  /** With its source. Absent: no evidence says anything. */
  readonly task?: TaskInit;
  /** Why `task` may no longer hold. */
  readonly stale?: Problem;
  /** What is wrong or contradictory beside `task`, or why there is none. */
  readonly warning?: Problem;
}

/** How a person reads the kinds of evidence. */
const NAMES: Readonly<Record<TaskEvidence, string>> = {
  [TaskEvidence.UNSPECIFIED]: "unknown evidence",
  [TaskEvidence.FILE]: "the task file",
  [TaskEvidence.AGENTAPI]: "AgentAPI",
  [TaskEvidence.CODER]: "Coder",
  [TaskEvidence.PROCESS]: "the process list",
};

/** Whether this evidence is believed, whatever weaker evidence says. */
export function isDecisive({ task, stale, isMomentary }: Finding): boolean {
  return task?.status !== undefined && (stale === undefined || isMomentary === true);
}

/**
 * Weighs all evidence. Nothing is mixed: every value is that of the evidence which is believed. One that tells no status is
 * believed only where no other tells one either, not even one that is stale: it is no news of what the other says.
 *
 * @param evidence the strongest first.
 */
export function weigh(evidence: readonly Evidence[]): Verdict {
  const winner =
    evidence.find(isDecisive) ??
    evidence.find(({ task }) => task?.status !== undefined) ??
    evidence.find(({ task }) => task !== undefined);
  const warnings: Problem[] = [];
  const own = winner?.problem;
  if (own !== undefined) {
    warnings.push(own);
  }
  for (const other of evidence) {
    if (other !== winner) {
      warnings.push(...remarks(winner, other));
    }
  }
  const [first] = warnings;
  const message = warnings.map((warning) => warning.message).join("; ");
  const warning = first && { warning: { reason: first.reason, message } };
  if (winner?.task === undefined) {
    return { ...warning };
  }
  const { stale } = winner;
  const both = stale && [stale.message, ...warnings.map((one) => one.message)].join("; ");
  return {
    task: { ...winner.task, source: winner.kind },
    ...(stale && both !== undefined ? { stale: { reason: stale.reason, message: both } } : warning),
  };
}

/** What is to be said about evidence that is not believed. */
function remarks(winner: Evidence | undefined, other: Evidence): Problem[] {
  const { task, stale, problem, kind } = other;
  if (task === undefined || winner?.task === undefined) {
    return problem === undefined ? [] : [problem];
  }
  if (task.status === undefined) {
    const isNews = winner.stale !== undefined && stale === undefined && task.agent !== undefined;
    const lives = {
      reason: "TASK_AGENT_LIVES",
      message: `${NAMES[kind]} has ${task.agent}, and tells no status`,
    };
    return [...(isNews ? [lives] : []), stale, problem].filter((one) => one !== undefined);
  }
  if (!contradicts(winner.task.status, task.status)) {
    return [stale, problem].filter((one) => one !== undefined);
  }
  const says = `${NAMES[kind]} says ${statusWord(task.status)}`;
  return stale === undefined
    ? [{ reason: "TASK_EVIDENCE_DIFFERS", message: says }]
    : [{ reason: stale.reason, message: `${says}: ${stale.message}` }];
}

/**
 * Whether a status contradicts the one that is believed. `idle` is all that AgentAPI and Coder have for an agent that waits, has
 * finished or has given up.
 */
function contradicts(believed: TaskStatus | undefined, other: TaskStatus): boolean {
  return other !== believed && (believed === TaskStatus.RUNNING || other !== TaskStatus.IDLE);
}
