// The weakest evidence: a known coding agent among this user's processes. That it is there, and since when, is all that it
// tells: a process that waits for a model and one that waits for its user look alike, so there is no status.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { TaskEvidence } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";
import { type EvidenceSource, type Finding, NOTHING } from "./finding.ts";
import { type ProcFiles, systemProc, ticksToMs } from "./proc.ts";
import { type AgentProcess, DEADLINE_MS, ProcessSearch, SearchTimeoutError } from "./process-search.ts";

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
 * The process list as an evidence source. Of several agents the one counts that has been there longest: agents start others. A script
 * that runs under the name of its interpreter (`node`) is not known by its name.
 */
export function createProcessList(options: ProcessListOptions = {}): EvidenceSource {
  const { uid = process.getuid?.(), proc = systemProc, time = { ...systemClock, ...systemTimers } } = options;
  /** When the agent's process began. Kept, because the kernel's own figure moves when the clock is set. */
  let since: { readonly pid: number; readonly ticks: number; readonly ms: number | undefined } | undefined;

  /** Whether the last answer could be had. */
  let isKnown = true;

  const search = new ProcessSearch({ uid, proc, monotonicMs: () => time.monotonicMs() });

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    let found: AgentProcess | undefined;
    try {
      found = await search.find(signal);
    } catch (error) {
      isKnown = false;
      const { code } = error as NodeJS.ErrnoException;
      const why = error instanceof SearchTimeoutError ? error.message : code;
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
