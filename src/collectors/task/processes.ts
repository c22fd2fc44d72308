// The weakest evidence: a known coding agent among this user's processes. That it is there, and since when, is all that it
// tells: a process that waits for a model and one that waits for its user look alike, so there is no status.

import { setImmediate as breathe } from "node:timers/promises";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { TaskEvidence } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import type { ProcessStat } from "../../task-file/process-stat.ts";
import { agentOfProcess } from "./agents.ts";
import { type Finding, NOTHING, type Witness } from "./finding.ts";
import {
  type ProcFiles,
  processIds,
  processOwner,
  processProgram,
  processStat,
  systemProc,
  ticksToMs,
} from "./proc.ts";

export interface ProcessListOptions {
  /** User whose processes count. Default: the user of this process. */
  readonly uid?: number;
  /** Default: /proc. */
  readonly proc?: ProcFiles;
}

/** How long an answer counts, and one that could not be had. In milliseconds. */
const PERIOD_MS = { known: 10_000, unknown: 1_000 } as const;

/** A list of ten thousand processes takes a tenth of that. In milliseconds. */
const DEADLINE_MS = 2_000;

/** Processes that are looked at in one go, about a millisecond: requests are answered in between. */
const CHUNK = 64;

interface AgentProcess {
  readonly pid: number;
  readonly agent: string;
  readonly stat: ProcessStat;
}

/**
 * The process list as a witness. Of several agents the one counts that has been there longest: agents start others. A script
 * that runs under the name of its interpreter (`node`) is not known by its name.
 */
export function createProcessList(options: ProcessListOptions = {}): Witness {
  const { uid = process.getuid?.(), proc = systemProc } = options;
  /** When the agent's process began. Kept, because the kernel's own figure moves when the clock is set. */
  let since: { readonly pid: number; readonly ticks: number; readonly ms: number | undefined } | undefined;

  let isKnown = true;

  const find = async (signal: AbortSignal): Promise<AgentProcess | undefined> => {
    let first: AgentProcess | undefined;
    for (const [index, pid] of processIds(proc).entries()) {
      if (index % CHUNK === CHUNK - 1) {
        await breathe();
        signal.throwIfAborted();
      }
      const found = agentProcess(pid, uid, proc);
      if (found !== undefined && (first === undefined || found.stat.startTicks < first.stat.startTicks)) {
        first = found;
      }
    }
    return first;
  };

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    isKnown = false;
    let found: AgentProcess | undefined;
    try {
      found = await find(signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (typeof code !== "string" && !signal.aborted) {
        throw error;
      }
      const why = signal.aborted ? "it takes too long" : code;
      return {
        problem: { reason: "PROCESSES_UNREADABLE", message: `the list of processes cannot be read: ${why}` },
      };
    }
    isKnown = true;
    if (found === undefined) {
      since = undefined;
      return NOTHING;
    }
    const { pid, agent, stat } = found;
    if (since?.pid !== pid || since.ticks !== stat.startTicks) {
      since = { pid, ticks: stat.startTicks, ms: ticksToMs(stat.startTicks, proc) };
    }
    const startedAt = since.ms === undefined ? {} : { startedAt: timestampFromMs(since.ms) };
    return { task: { agent, ...startedAt } };
  };

  return {
    kind: TaskEvidence.PROCESS,
    periodMs: () => (isKnown ? PERIOD_MS.known : PERIOD_MS.unknown),
    isRemote: false,
    deadlineMs: DEADLINE_MS,
    ask,
  };
}

function agentProcess(pid: number, uid: number | undefined, proc: ProcFiles): AgentProcess | undefined {
  const agent = agentOfProcess(processProgram(pid, proc));
  if (agent === undefined || (uid !== undefined && processOwner(pid, proc) !== uid)) {
    return undefined;
  }
  const stat = processStat(pid, proc);
  return stat === undefined || stat.isZombie ? undefined : { pid, agent, stat };
}
