// What the coding agent is doing, from all the evidence there is. Touches the task file, and whatever the evidence
// sources do that it is given.

import { isDeepStrictEqual } from "node:util";
import { TaskEvidence, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { CollectError, type Collected, type Collector, type Problem } from "../collector.ts";
import { FileEvidence } from "./file-evidence.ts";
import type { EvidenceSource, Finding } from "./finding.ts";
import { Poller, WAIT_MS } from "./poller.ts";
import { type Evidence, isDecisive, type Verdict, weigh } from "./precedence.ts";
import { type ProcFiles, systemProc } from "./proc.ts";
import { watchTaskFile } from "./watch.ts";

export { createAgentApi } from "./agentapi.ts";
export { createCoder } from "./coder.ts";
export { coderAccess } from "./coder-access.ts";
export { statusWord } from "./finding.ts";
export { createProcessList } from "./processes.ts";

export interface TaskCollectorOptions {
  /** Absolute path of the task file. It need not exist. */
  readonly file: string;
  /** Absolute path of the directory that is served: a file about another one is ignored. */
  readonly workspace: string;
  /** Evidence beside the task file, strongest first. Default: none. */
  readonly evidenceSources?: readonly EvidenceSource[];
  /** A file that says `running` and was not updated for longer is stale, in milliseconds. Default: 15 minutes. */
  readonly staleAfterMs?: number;
  /** User whose files are trusted, besides root's. Default: the user of this process. */
  readonly uid?: number;
  /** Where processes are looked up. Default: /proc. */
  readonly proc?: ProcFiles;
  /** The time, in milliseconds since 1970. Default: the system's. */
  readonly now?: () => number;
  /** A clock that never goes back, in milliseconds. Default: the system's. */
  readonly monotonicMs?: () => number;
}

/** How often a file is looked at again whose agent may end or fall silent without an event. In milliseconds. */
const UNSEEN_PERIOD_MS = 5_000;

/**
 * The task file is looked at by every collection, each evidence source once in its period, and only while somebody collects. Waits
 * for one only while nothing stronger is known, and then for half a second. An unchanged answer is the same object.
 */
export function createTaskCollector(options: TaskCollectorOptions): Collector {
  const { file, workspace, evidenceSources = [], staleAfterMs = 900_000, uid = process.getuid?.() } = options;
  const { proc = systemProc, now = Date.now, monotonicMs = () => performance.now() } = options;
  const fileEvidence = new FileEvidence({ file, workspace, uid, staleAfterMs, proc, now });
  const pollers = evidenceSources.map((source) => new Poller(source, monotonicMs));
  let last: Collected | undefined;

  const allEvidence = (found: Evidence): Evidence[] => [
    found,
    ...pollers.map(({ kind, known }) => ({ ...known, kind })),
  ];

  return {
    source: "task",
    watch: (listener, signal) => {
      for (const poller of pollers) {
        poller.watch({ changed: () => listener.changed(), signal });
      }
      watchTaskFile(file, listener, signal);
    },
    collect: async ({ signal }) => {
      for (const poller of pollers) {
        poller.use();
      }
      const { nothing, ...finding } = await fileEvidence.find();
      const found = { ...finding, kind: TaskEvidence.FILE };
      let limit: AbortSignal | undefined;
      for (const [index, poller] of pollers.entries()) {
        if (
          allEvidence(found)
            .slice(0, index + 1)
            .some(isDecisive)
        ) {
          break;
        }
        if (poller.isWorthWaiting) {
          limit ??= AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]);
          await poller.answered(limit);
        }
      }
      const periods = pollers.map(({ periodMs }) => periodMs);
      const holdsMs = Math.min(...periods, mayChangeUnseen(finding) ? UNSEEN_PERIOD_MS : Infinity);
      const outcome = outcomeOf(weigh(allEvidence(found)), nothing);
      const collected = holdsMs === Infinity ? outcome : { ...outcome, holdsMs };
      if (last === undefined || !isDeepStrictEqual(collected, last)) {
        last = collected;
      }
      return last;
    },
  };
}

/** Whether what the file says may cease to hold without an event: its agent may end or fall silent. */
function mayChangeUnseen({ task, isMomentary }: Finding): boolean {
  const { status } = task ?? {};
  return status === TaskStatus.RUNNING || status === TaskStatus.WAITING || isMomentary === true;
}

/** @throws {CollectError} when it could not be found out whether there is a task. */
function outcomeOf({ task, stale, warning }: Verdict, nothing: Problem | undefined): Collected {
  if (task !== undefined) {
    return {
      outcome: "data",
      metadata: { workspace: { task } },
      ...(warning && { warning }),
      ...(stale && { stale }),
    };
  }
  if (warning !== undefined || nothing === undefined) {
    const { reason, message } = warning ?? { reason: "NO_EVIDENCE", message: "nothing speaks of a task" };
    throw new CollectError(reason, message, { invalidates: true });
  }
  return { outcome: "no_data", ...nothing };
}
