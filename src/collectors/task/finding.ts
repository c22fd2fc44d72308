// What one kind of evidence for the agent's task says, in a form in which kinds can be weighed against each other.

import type { Message, MessageInitShape } from "@bufbuild/protobuf";
import { type TaskEvidence, type TaskSchema, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import type { Problem } from "../collector.ts";

/** The task as one kind of evidence has it. Without a status where it tells none: it is never UNSPECIFIED. */
export type TaskInit = Exclude<MessageInitShape<typeof TaskSchema>, Message>;

/** One kind's answer. */
export interface Finding {
  /** What it says. Absent: it says nothing. */
  readonly task?: TaskInit;
  /** Why `task` may no longer be how things are. Absent: it is what this kind says now. */
  readonly stale?: Problem;
  /** Whether `stale` is likely over in a moment, so that weaker evidence does not take its place meanwhile. */
  readonly isMomentary?: true;
  /** What else is to be said: why it says nothing although it should, or what of it is left out. */
  readonly problem?: Problem;
}

/** A kind of evidence that has to be asked: each answer is good for a time. */
export interface EvidenceSource {
  readonly kind: TaskEvidence;
  /** How long an answer counts, in milliseconds. */
  periodMs(): number;
  /** Whether it is far away, so that no more than its first answer is waited for. */
  readonly isRemote: boolean;
  /** A longer answer is given up, in milliseconds. */
  readonly deadlineMs: number;
  /**
   * Asks. An answer that cannot be had is a finding with its problem.
   *
   * @throws only for defects, or with the reason of `signal`.
   */
  ask(signal: AbortSignal): Promise<Finding>;
  /**
   * Begins or goes on to follow changes by events until `signal` is aborted; `told` is given each new answer. Called with
   * each use. Absent: there are no events.
   */
  follow?(told: (finding: Finding) => void, signal: AbortSignal): void;
}

/** It says nothing, and that is as it should be. */
export const NOTHING: Finding = {};

/** A status as it is written in keys and files. */
export function statusWord(status: TaskStatus): string {
  const [name] = Object.entries(TaskStatus).find(([, value]) => value === status) ?? ["unknown"];
  return name.toLowerCase();
}
