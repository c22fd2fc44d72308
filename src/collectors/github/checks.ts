// From check runs and commit statuses to one word, and who failed. Pure.

import { ChecksStatus } from "../../gen/fleet/metadata/v1/github_pb.ts";
import type { CheckRun, CommitStatus } from "./bodies.ts";

/** Checks of one commit, the newest of each name. */
export interface ChecksTally {
  readonly passed: number;
  readonly pending: number;
  /** Names of those that failed, sorted, each as often as it failed. */
  readonly failing: readonly string[];
  /** When the last one ended, in milliseconds since 1970. Absent when none has. */
  readonly lastEndedMs?: number;
  /** False when there are, or may be, others that could not be read. */
  readonly isComplete: boolean;
}

/** Checks that may not be read. */
export const UNREADABLE: ChecksTally = { passed: 0, pending: 0, failing: [], isComplete: false };

type Result = "passed" | "failed" | "pending";

const PASSED: ReadonlySet<string> = new Set(["success", "neutral", "skipped"]);
const FAILED: ReadonlySet<string> = new Set([
  "failure",
  "error",
  "cancelled",
  "timed_out",
  "action_required",
  "startup_failure",
]);

/** Counts check runs: of re-runs, which have the name and the app in common, the newest. */
export function tallyRuns(runs: readonly CheckRun[], isComplete = true): ChecksTally {
  const newest = newestOf(runs, ({ app, name }) => `${app?.id ?? ""} ${name}`);
  return tally(
    newest.map(({ name, status, conclusion, completed_at }) => ({
      name,
      result: status === "completed" ? resultOf(conclusion) : "pending",
      endedAt: completed_at,
    })),
    isComplete,
  );
}

/** Counts commit statuses: of each context the newest. */
export function tallyStatuses(statuses: readonly CommitStatus[], isComplete = true): ChecksTally {
  const newest = newestOf(statuses, ({ context }) => context);
  return tally(
    newest.map(({ context, state, updated_at }) => ({
      name: context,
      result: resultOf(state),
      endedAt: updated_at,
    })),
    isComplete,
  );
}

/** Both kinds together. */
export function addTallies(a: ChecksTally, b: ChecksTally): ChecksTally {
  const ended = [a.lastEndedMs, b.lastEndedMs].filter((ms) => ms !== undefined);
  return {
    passed: a.passed + b.passed,
    pending: a.pending + b.pending,
    failing: [...a.failing, ...b.failing].sort(),
    isComplete: a.isComplete && b.isComplete,
    ...(ended.length > 0 && { lastEndedMs: Math.max(...ended) }),
  };
}

/** All checks in one word. Those that could not be read might have failed. */
export function checksStatus({ passed, pending, failing, isComplete }: ChecksTally): ChecksStatus {
  if (failing.length > 0) return ChecksStatus.FAILING;
  if (!isComplete) return ChecksStatus.UNAVAILABLE;
  if (pending > 0) return ChecksStatus.PENDING;
  return passed > 0 ? ChecksStatus.PASSING : ChecksStatus.NONE;
}

/** A word that is not known says nothing about how it ended. */
function resultOf(word: string | null): Result {
  if (word !== null && PASSED.has(word)) return "passed";
  return word !== null && FAILED.has(word) ? "failed" : "pending";
}

/** Those with the greatest id of their name: ids grow with time. */
function newestOf<Item extends { readonly id: number }>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
): readonly Item[] {
  const byName = new Map<string, Item>();
  for (const item of items) {
    const name = nameOf(item);
    const other = byName.get(name);
    if (other === undefined || item.id > other.id) byName.set(name, item);
  }
  return [...byName.values()];
}

function tally(
  checks: readonly {
    readonly name: string;
    readonly result: Result;
    readonly endedAt: string | null | undefined;
  }[],
  isComplete: boolean,
): ChecksTally {
  const count = (wanted: Result) => checks.filter(({ result }) => result === wanted).length;
  const failing = checks.filter(({ result }) => result === "failed").map(({ name }) => name);
  let lastEndedMs: number | undefined;
  for (const { endedAt } of checks) {
    const ms = Date.parse(endedAt ?? "");
    if (!Number.isNaN(ms)) lastEndedMs = Math.max(ms, lastEndedMs ?? ms);
  }
  return {
    passed: count("passed"),
    pending: count("pending"),
    failing: failing.sort(),
    isComplete,
    ...(lastEndedMs !== undefined && { lastEndedMs }),
  };
}
