// The weakest evidence: a known coding agent among this user's processes. That it is there, and since when, is all that it
// tells: a process that waits for a model and one that waits for its user look alike, so there is no status.

import { setImmediate as breathe } from "node:timers/promises";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { TaskEvidence } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import type { ProcessStat } from "../../task-file/process-stat.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";
import { agentOfProcess } from "./agents.ts";
import { type Finding, NOTHING, type Witness } from "./finding.ts";
import {
  lastProcessId,
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
  /** Default: the system's clock and timers. */
  readonly time?: Pick<Clock, "monotonicMs"> & Timers;
}

/** How long an answer counts, and one that could not be had. In milliseconds. */
const PERIOD_MS = { known: 10_000, unknown: 1_000 } as const;

/** How long an answer counts while the processes are followed: they are looked at as often as they are asked for otherwise. */
const FOLLOWED_MS = 300_000;

/** How long they are followed after the last use, in milliseconds: until the answer of that use does not count any more. */
const REST_MS = 330_000;

/**
 * How long a process counts as what it was when it was looked at, in milliseconds. In between only new ones are looked at, so that
 * a hundred workspaces on one machine do not read each other's processes all the time. A process can become another program
 * (exec), and all it keeps is its id. That is rarer still where not even a thread has begun since: agents begin with some.
 */
const LOOK_MS = { busy: 60_000, quiet: 600_000 } as const;

/** Looks until a process counts: at the first one it may be about to become another program, as every new process does. */
const SETTLED = 2;

/** A list of ten thousand processes takes a tenth of that. In milliseconds. */
const DEADLINE_MS = 2_000;

/** Processes that are looked at in one go, about a millisecond: requests are answered in between. */
const CHUNK = 64;

class TakesTooLongError extends Error {
  override readonly message = "it takes too long";
}

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
  const { uid = process.getuid?.(), proc = systemProc, time = { ...systemClock, ...systemTimers } } = options;
  /** When the agent's process began. Kept, because the kernel's own figure moves when the clock is set. */
  let since: { readonly pid: number; readonly ticks: number; readonly ms: number | undefined } | undefined;

  /** Whether the last answer could be had. */
  let isKnown = true;

  /** At how many looks a process was no agent, by its id. */
  let looks: ReadonlyMap<number, number> = new Map();
  /** What id the kernel had given last, at the last look and when all were looked at. */
  let lastId: number | undefined;
  let all: { readonly ms: number; readonly id: number | undefined } | undefined;

  const find = async (signal: AbortSignal): Promise<AgentProcess | undefined> => {
    const nowMs = time.monotonicMs();
    const id = lastProcessId(proc);
    const isQuiet = id !== undefined && id === all?.id;
    const isAll = all === undefined || nowMs - all.ms >= (isQuiet ? LOOK_MS.quiet : LOOK_MS.busy);
    const isSame = !isAll && id !== undefined && id === lastId;
    const next = new Map<number, number>();
    let looked = 0;
    let first: AgentProcess | undefined;
    for (const pid of isSame ? looks.keys() : processIds(proc)) {
      const times = looks.get(pid) ?? 0;
      if (!isAll && times >= SETTLED) {
        next.set(pid, times);
        continue;
      }
      looked += 1;
      if (looked % CHUNK === 0) {
        await breathe();
        if (signal.aborted || time.monotonicMs() - nowMs > DEADLINE_MS) {
          throw new TakesTooLongError();
        }
      }
      const found = agentProcess(pid, uid, proc);
      next.set(pid, found === undefined ? times + 1 : 0);
      if (found !== undefined && (first === undefined || found.stat.startTicks < first.stat.startTicks)) {
        first = found;
      }
    }
    looks = next;
    lastId = id;
    all = isAll ? { ms: nowMs, id } : all;
    return first;
  };

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    let found: AgentProcess | undefined;
    try {
      found = await find(signal);
    } catch (error) {
      isKnown = false;
      const { code } = error as NodeJS.ErrnoException;
      const why = error instanceof TakesTooLongError ? error.message : code;
      if (why === undefined) {
        throw error;
      }
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

  let isFollowed = false;
  let usedMs = Number.NEGATIVE_INFINITY;

  /** Tells of every answer, which costs next to nothing while no process begins, until nobody has used one for a while. */
  const attend = (told: (finding: Finding) => void, signal: AbortSignal): void => {
    let stop = (): void => undefined;
    const end = (): void => {
      stop();
      signal.removeEventListener("abort", end);
      isFollowed = false;
    };
    const look = async (): Promise<void> => {
      if (time.monotonicMs() - usedMs >= REST_MS) {
        end();
        return;
      }
      try {
        const finding = await ask(signal);
        if (!signal.aborted) {
          told(finding);
          wait();
        }
      } catch {
        // A defect, which is reported when it is asked for.
        end();
      }
    };
    const wait = (): void => {
      stop = time.start(isKnown ? PERIOD_MS.known : PERIOD_MS.unknown, () => void look());
    };
    isFollowed = true;
    signal.addEventListener("abort", end, { once: true });
    wait();
  };

  return {
    kind: TaskEvidence.PROCESS,
    periodMs: () => (isKnown ? (isFollowed ? FOLLOWED_MS : PERIOD_MS.known) : PERIOD_MS.unknown),
    isRemote: false,
    deadlineMs: DEADLINE_MS,
    ask,
    follow: (told, signal) => {
      usedMs = time.monotonicMs();
      if (!isFollowed && !signal.aborted) {
        attend(told, signal);
      }
    },
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
