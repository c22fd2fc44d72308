// The weakest evidence: a known coding agent among this user's processes. That it is there is all that it tells, so the status
// is `idle`, never `running`.

import { setImmediate as breathe } from "node:timers/promises";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { TaskEvidence, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { agentOfProcess } from "./agents.ts";
import { type Finding, NOTHING, type Witness } from "./finding.ts";
import {
  type ProcessStart,
  type ProcFiles,
  processIds,
  processNames,
  processStart,
  systemProc,
  ticksToMs,
} from "./proc.ts";

export interface ProcessListOptions {
  /** User whose processes count. Default: the user of this process. */
  readonly uid?: number;
  /** Default: /proc. */
  readonly proc?: ProcFiles;
}

const PERIOD_MS = 10_000;

/** A list of ten thousand processes takes a tenth of that. In milliseconds. */
const DEADLINE_MS = 2_000;

/** Processes that are looked at in one go, about a millisecond: requests are answered in between. */
const CHUNK = 64;

interface AgentProcess {
  readonly pid: number;
  readonly agent: string;
  readonly start: ProcessStart;
}

/**
 * The process list as a witness. Of several agents the one counts that has been there longest: agents start others. A script
 * that runs under the name of its interpreter (`node`) is not known by its name.
 */
export function createProcessList(options: ProcessListOptions = {}): Witness {
  const { uid = process.getuid?.(), proc = systemProc } = options;
  /** When the agent's process began. Kept, because the kernel's own figure moves when the clock is set. */
  let since: { readonly pid: number; readonly ticks: number; readonly ms: number | undefined } | undefined;

  const find = async (signal: AbortSignal): Promise<AgentProcess | undefined> => {
    let first: AgentProcess | undefined;
    for (const [index, pid] of processIds(proc).entries()) {
      if (index % CHUNK === CHUNK - 1) {
        await breathe();
        signal.throwIfAborted();
      }
      const found = agentProcess(pid, uid, proc);
      if (found !== undefined && (first === undefined || found.start.ticks < first.start.ticks)) {
        first = found;
      }
    }
    return first;
  };

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    const found = await find(signal);
    if (found === undefined) {
      since = undefined;
      return NOTHING;
    }
    const { pid, agent, start } = found;
    if (since?.pid !== pid || since.ticks !== start.ticks) {
      since = { pid, ticks: start.ticks, ms: ticksToMs(start.ticks, proc) };
    }
    const startedAt = since.ms === undefined ? {} : { startedAt: timestampFromMs(since.ms) };
    return { task: { status: TaskStatus.IDLE, agent, ...startedAt } };
  };

  return { kind: TaskEvidence.PROCESS, periodMs: () => PERIOD_MS, deadlineMs: DEADLINE_MS, ask };
}

function agentProcess(pid: number, uid: number | undefined, proc: ProcFiles): AgentProcess | undefined {
  const agent = processNames(pid, proc).map(agentOfProcess).find(Boolean);
  if (agent === undefined || (uid !== undefined && ownerOf(pid, proc) !== uid)) {
    return undefined;
  }
  const start = processStart(pid, proc);
  return start === undefined || start.isZombie ? undefined : { pid, agent, start };
}

function ownerOf(pid: number, proc: ProcFiles): number | undefined {
  try {
    return proc.owner(`/proc/${pid}`);
  } catch {
    return undefined;
  }
}
