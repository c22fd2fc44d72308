// Looks for known coding agents among this user's processes. A hundred workspaces may share one machine and list each other's
// processes every ten seconds: so each process is looked at when it is new, and after that only as often as it may have become another
// program (exec), of which nothing tells.

import { setImmediate as breathe } from "node:timers/promises";
import type { ProcessStat } from "../../task-file/process-stat.ts";
import { agentOfProcess } from "./agents.ts";
import {
  isLoadOfKernel,
  lastProcessId,
  type ProcFiles,
  processIds,
  processName,
  processOwner,
  processProgram,
  processStat,
} from "./proc.ts";

export interface ProcessSearchOptions {
  /** User whose processes count. Undefined: every user's. */
  readonly uid: number | undefined;
  readonly proc: ProcFiles;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonicMs: () => number;
}

/** A process that is an agent. */
export interface AgentProcess {
  readonly pid: number;
  /** As it stands in `workspace.task.agent`. */
  readonly agent: string;
  readonly stat: ProcessStat;
}

/** A search took too long, or was called off. */
export class SearchTimeoutError extends Error {
  override readonly message = "it takes too long";
}

/** A list of ten thousand processes takes a tenth of that. In milliseconds. */
export const DEADLINE_MS = 2_000;

/** Processes that are looked at in one go, about a millisecond: requests are answered in between. */
const CHUNK = 64;

/** Looks until a process counts: at the first one it may be about to become another program, as every new process does. */
const SETTLED = 2;

/**
 * How often it is looked whether a process has become another program, in milliseconds. That gives it another name, so names are
 * looked at, unless not even a thread has begun on the whole machine since: agents begin with some. Now and then all is looked at.
 */
const LOOK_MS = { names: 60_000, all: 600_000 } as const;

/** What is looked at: new processes and agents only, the names of all others too, or everything. */
type Extent = "new" | "names" | "all";

/** A process that is no agent. */
interface Known {
  readonly name: string | undefined;
  readonly hasNoProgram: boolean;
  /** How often in a row it was none. */
  readonly looks: number;
}

/** A search that remembers what it has seen. */
export class ProcessSearch {
  readonly #options: ProcessSearchOptions;
  #known: ReadonlyMap<number, Known | "agent"> = new Map();
  /** Whether none of them is to be looked at while there is no new one. */
  #isSettled = false;
  #lastId: number | undefined;
  /** Whether the kernel tells which id it has given last. */
  #isIdTold = false;
  /** When names and when everything were looked at last, and what id the kernel had given last before that. */
  #names = { ms: Number.NEGATIVE_INFINITY, id: undefined as number | undefined };
  #allMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProcessSearchOptions) {
    this.#options = options;
  }

  /**
   * The agent that has been there longest: agents start others.
   *
   * @throws {SearchTimeoutError}, or what keeps the processes from being read.
   */
  async find(signal: AbortSignal): Promise<AgentProcess | undefined> {
    const { proc, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    const isAllDue = nowMs - this.#allMs >= LOOK_MS.all;
    if (isAllDue) {
      this.#isIdTold = isLoadOfKernel(proc);
    }
    const lastId = this.#isIdTold ? lastProcessId(proc) : undefined;
    const extent = isAllDue ? "all" : this.#extent(nowMs, lastId);
    const isSame = extent === "new" && lastId !== undefined && lastId === this.#lastId;
    if (isSame && this.#isSettled) {
      return undefined;
    }
    const known = new Map<number, Known | "agent">();
    let looks = 0;
    let first: AgentProcess | undefined;
    for (const pid of isSame ? this.#known.keys() : processIds(proc)) {
      const before = this.#known.get(pid);
      if (extent !== "all" && isSettled(before) && (extent === "new" || before.hasNoProgram)) {
        known.set(pid, before);
        continue;
      }
      looks += 1;
      if (looks % CHUNK === 0) {
        await breathe();
        if (signal.aborted || monotonicMs() - nowMs > DEADLINE_MS) {
          throw new SearchTimeoutError();
        }
      }
      if (extent === "names" && isSettled(before) && before.name === processName(pid, proc)) {
        known.set(pid, before);
        continue;
      }
      const found = this.#look(pid, before);
      known.set(pid, "agent" in found ? "agent" : found);
      if ("agent" in found && (first === undefined || found.stat.startTicks < first.stat.startTicks)) {
        first = found;
      }
    }
    this.#known = known;
    this.#isSettled = [...known.values()].every(isSettled);
    this.#lastId = lastId;
    this.#names = extent === "new" ? this.#names : { ms: nowMs, id: lastId };
    this.#allMs = extent === "all" ? nowMs : this.#allMs;
    return first;
  }

  #extent(nowMs: number, lastId: number | undefined): Extent {
    const isQuiet = lastId !== undefined && lastId === this.#names.id;
    return !isQuiet && nowMs - this.#names.ms >= LOOK_MS.names ? "names" : "new";
  }

  #look(pid: number, before: Known | "agent" | undefined): AgentProcess | Known {
    const { uid, proc } = this.#options;
    const program = processProgram(pid, proc);
    const agent = agentOfProcess(program);
    if (agent !== undefined && (uid === undefined || processOwner(pid, proc) === uid)) {
      const stat = processStat(pid, proc);
      if (stat !== undefined && !stat.isZombie) {
        return { pid, agent, stat };
      }
    }
    const looks = typeof before === "object" ? before.looks + 1 : 1;
    return { name: program.name, hasNoProgram: program.hasNone === true, looks };
  }
}

function isSettled(known: Known | "agent" | undefined): known is Known {
  return typeof known === "object" && known.looks >= SETTLED;
}
