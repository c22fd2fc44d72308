// What is asked about one pull request besides its entry in the list: details, reviews, check runs, commit statuses. Each part may fail
// without harm to the others.

import { ChecksStatus, ReviewStatus } from "../../gen/fleet/metadata/v1/github_pb.ts";
import { CollectError, type Problem } from "../collector.ts";
import type { Answer, Body, GitHubApi, Parameters, Route } from "./api.ts";
import { type Pull, type PullDetails, readDetails, readReviews, readRuns, readStatuses } from "./bodies.ts";
import { type ChecksTally, checksStatus, tallyRuns, tallyStatuses, UNREADABLE } from "./checks.ts";
import { isBeingComputed, type Mergeability, nextMergeability } from "./mergeable.ts";
import { reviewStatus } from "./reviews.ts";
import {
  type Asked,
  checksPeriodMs,
  detailsPeriodMs,
  dueMs,
  entryPeriodMs,
  retryPeriodMs,
  reviewsPeriodMs,
  turnDueMs,
} from "./schedule.ts";
import { isOpen } from "./tree.ts";

/** The last answer of one part. */
export interface Part<Value> {
  readonly asked: Asked;
  /** The state of the pull request's entry that it was asked for. */
  readonly entry: string;
  /** Absent when it was never answered for this head. */
  readonly value?: Value;
  /** Why it was not answered the last time. */
  readonly problem?: Problem;
}

/** All parts of one head of one pull request. */
export interface Parts {
  readonly pull: Pull;
  /** When the pull request had last changed as this head was first seen: not before the push. In milliseconds since 1970. */
  readonly sinceMs: number;
  /** Outlives a change of the head. */
  readonly mergeability?: Mergeability;
  /** Why it may or may not be merged, in GitHub's word, which depends on the checks too. Absent when it was never told for this head. */
  readonly mergeableWord?: string;
  /** When that became another one, on the monotonic clock: checks that were asked for before may be others now. */
  readonly doubtedMs?: number;
  readonly details?: Part<PullDetails>;
  /** Unspecified: there are more than are read. */
  readonly reviews?: Part<ReviewStatus>;
  readonly runs?: Part<ChecksTally>;
  readonly statuses?: Part<ChecksTally>;
}

/** What a round of questions needs. */
export interface Asking {
  readonly api: GitHubApi;
  readonly asked: Asked;
  readonly signal: AbortSignal;
}

/** What is known already of this pull request with this head. */
export function partsOf(pull: Pull, before: Parts | undefined): Parts {
  const sinceMs = Date.parse(pull.updated_at) || 0;
  if (before === undefined || !isSamePull(before.pull, pull)) return { pull, sinceMs };
  const { mergeability } = before;
  return before.pull.head.sha === pull.head.sha
    ? { ...before, pull }
    : { pull, sinceMs, ...(mergeability && { mergeability }) };
}

/** A fork and its parent number theirs alike. */
export function isSamePull(a: Pull, b: Pull): boolean {
  return a.number === b.number && a.base.repo.full_name === b.base.repo.full_name;
}

/** With details that were answered in another question's place. */
export function withDetails(parts: Parts, value: PullDetails, asked: Asked): Parts {
  const mergeability = nextMergeability(parts.mergeability, value.mergeable, isOpen(value));
  const word = value.mergeable_state ?? "unknown";
  const isOther = word !== "unknown" && parts.mergeableWord !== undefined && parts.mergeableWord !== word;
  return {
    ...parts,
    details: { asked, entry: entryOf(value), value },
    mergeability,
    ...(word !== "unknown" && { mergeableWord: word }),
    ...(isOther && { doubtedMs: asked.monotonicMs }),
  };
}

/**
 * Asks for the parts that may have changed, side by side.
 *
 * @returns what is known afterwards, and the error, if there was one, that is about more than a part of one pull request.
 */
export async function askParts(
  before: Parts,
  entryAsked: Asked,
  asking: Asking,
): Promise<{ readonly parts: Parts; readonly failure?: unknown }> {
  const { asked } = asking;
  const { pull } = before;
  const entry = entryOf(pull);
  const due = dueTimes(before, entryAsked);
  const isDue = (ms: number): boolean => ms <= asked.monotonicMs;
  const repository = repositoryOf(pull);
  const numbered = { ...repository, pull_number: pull.number };
  const commit = { ...repository, ref: pull.head.sha, per_page: 100 };
  const asker = new PartAsker(asking);
  const [details, reviews, runs, statuses] = await Promise.all([
    before.details?.entry === entry && !isDue(due.details)
      ? before.details
      : asker.ask("GET /repos/{owner}/{repo}/pulls/{pull_number}", numbered, {
          what: "details",
          before: before.details,
          entry,
          read: ({ pages }) => readDetails(pages),
        }),
    before.reviews?.entry === entry && !isDue(due.reviews)
      ? before.reviews
      : asker.ask(
          "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
          { ...numbered, per_page: 100 },
          {
            what: "reviews",
            before: before.reviews,
            entry,
            // The last ones decide, and are those that are missing.
            read: ({ pages, isComplete }) =>
              isComplete ? reviewStatus(readReviews(pages), pull) : ReviewStatus.UNSPECIFIED,
          },
        ),
    !isDue(due.runs)
      ? before.runs
      : asker.ask("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", commit, {
          what: "check runs",
          before: before.runs,
          entry,
          read: ({ pages, isComplete }) => tallyRuns(readRuns(pages), isComplete),
          forbidden: UNREADABLE,
        }),
    !isDue(due.statuses)
      ? before.statuses
      : asker.ask("GET /repos/{owner}/{repo}/commits/{ref}/status", commit, {
          what: "commit statuses",
          before: before.statuses,
          entry,
          read: ({ pages, isComplete }) => tallyStatuses(readStatuses(pages), isComplete),
          forbidden: UNREADABLE,
        }),
  ]);
  const parts = {
    ...before,
    ...(details && { details }),
    ...(reviews && { reviews }),
    ...(runs && { runs }),
    ...(statuses && { statuses }),
  };
  const isNews = details !== before.details && details?.problem === undefined;
  return {
    parts: isNews && details?.value !== undefined ? withDetails(parts, details.value, asked) : parts,
    ...(asker.failure !== undefined && { failure: asker.failure }),
  };
}

/**
 * When the entry of an open pull request is to be asked for again. Where GitHub's word for mergeable does not tell of the checks, those
 * take every second turn.
 */
export function entryDueMs(parts: Parts, entryAsked: Asked): number {
  const turn = checksTurn(parts);
  if (turn === undefined) return dueMs(entryAsked, entryPeriodMs("open"));
  return turnDueMs(entryAsked, turn.lastAsked, turn.lastAsked.monotonicMs > entryAsked.monotonicMs);
}

/** Checks that have all ended, and whose next change nothing else would tell of. Absent where there is none of that. */
function checksTurn({ pull, mergeableWord, runs, statuses }: Parts) {
  const used = [runs, statuses].flatMap((part) => (isUsed(part) ? [part] : []));
  const [first, second = first] = used;
  if (first === undefined || second === undefined || !isOpen(pull) || isTelling(mergeableWord))
    return undefined;
  if (used.some(({ value }) => value.pending > 0)) return undefined;
  const [next, last] =
    first.asked.monotonicMs <= second.asked.monotonicMs ? [first, second] : [second, first];
  return { next, lastAsked: last.asked };
}

function isUsed(
  part: Part<ChecksTally> | undefined,
): part is Part<ChecksTally> & { readonly value: ChecksTally } {
  return (
    part?.value !== undefined && part.problem === undefined && checksStatus(part.value) !== ChecksStatus.NONE
  );
}

/** Every other word has a reason that hides them: a missing review, a base that has moved on, a check that has failed before. */
function isTelling(mergeableWord: string | undefined): boolean {
  return mergeableWord === "clean" || mergeableWord === "has_hooks";
}

/** When each part is to be asked for again though the entry does not change. Infinite: not at all. */
export function dueTimes(parts: Parts, entryAsked: Asked) {
  const { pull, sinceMs, details, reviews, runs, statuses, mergeability, mergeableWord } = parts;
  const { doubtedMs = Number.NEGATIVE_INFINITY } = parts;
  const after = (part: Part<unknown> | undefined, periodMs: number): number => {
    if (part === undefined) return Number.NEGATIVE_INFINITY;
    return dueMs(part.asked, part.problem === undefined ? periodMs : retryPeriodMs(part.problem.reason));
  };
  const turn = checksTurn(parts);
  const isNone = (part: Part<ChecksTally> | undefined): boolean =>
    part?.value !== undefined && checksStatus(part.value) === ChecksStatus.NONE;
  const ofChecks = (part: Part<ChecksTally> | undefined, other: Part<ChecksTally> | undefined): number => {
    if (part !== undefined && part.asked.monotonicMs < doubtedMs) return Number.NEGATIVE_INFINITY;
    const turnMs =
      part !== undefined && turn?.next === part
        ? turnDueMs(turn.lastAsked, entryAsked, entryAsked.monotonicMs >= turn.lastAsked.monotonicMs)
        : Number.POSITIVE_INFINITY;
    const newestMs = Math.max(sinceMs, runs?.value?.lastEndedMs ?? 0, statuses?.value?.lastEndedMs ?? 0);
    const periodMs = checksPeriodMs({
      isOpen: isOpen(pull),
      isPending: (part?.value?.pending ?? 0) > 0,
      isExpected: part === runs && isNone(runs) && isNone(statuses),
      isUnlikely: isTelling(mergeableWord) || (isNone(part) && !isNone(other)),
      quietMs: (part?.asked.wallMs ?? 0) - newestMs,
    });
    return Math.min(after(part, periodMs), turnMs);
  };
  return {
    details: after(
      details,
      detailsPeriodMs({
        isOpen: isOpen(pull),
        isBeingComputed: mergeability !== undefined && isBeingComputed(mergeability),
      }),
    ),
    reviews: after(reviews, reviewsPeriodMs((reviews?.asked.wallMs ?? 0) - Date.parse(pull.updated_at))),
    runs: ofChecks(runs, statuses),
    statuses: ofChecks(statuses, runs),
  };
}

/** Which repository a pull request is opened in, as parameters. */
export function repositoryOf(pull: Pull): { readonly owner: string; readonly repo: string } {
  const [owner = "", repo = ""] = pull.base.repo.full_name.split("/");
  return { owner, repo };
}

/** Another one when GitHub has changed anything about the pull request. */
function entryOf({ state, updated_at, head }: Pull): string {
  return `${state} ${updated_at} ${head.sha}`;
}

/** Reasons that are about everything that is asked, not about a part. */
const GENERAL: ReadonlySet<string> = new Set(["RATE_LIMITED", "UNAUTHENTICATED"]);

/** Whether something else may be asked although this failed. */
export function isOfOnePart(error: unknown, signal: AbortSignal): error is CollectError {
  return error instanceof CollectError && !signal.aborted && !GENERAL.has(error.reason);
}

class PartAsker {
  readonly #asking: Asking;
  failure: unknown;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  async ask<R extends Route, Value>(
    route: R,
    parameters: Parameters<R>,
    part: {
      readonly what: string;
      readonly before: Part<Value> | undefined;
      readonly entry: string;
      readonly read: (answer: Answer<Body<R>>) => Value;
      /** What it is when the token may not read it. Absent: the last value is kept. */
      readonly forbidden?: Value;
    },
  ): Promise<Part<Value> | undefined> {
    const { api, asked, signal } = this.#asking;
    const { what, before, entry, read, forbidden } = part;
    try {
      return { asked, entry, value: read(await api.get(route, parameters, signal)) };
    } catch (error) {
      if (!isOfOnePart(error, signal)) {
        this.failure ??= error;
        return before;
      }
      const { reason } = error;
      const isForbidden = retryPeriodMs(reason) === retryPeriodMs("FORBIDDEN");
      const value = isForbidden && forbidden !== undefined ? forbidden : before?.value;
      const problem = { reason, message: `${what}: ${error.message}` };
      return { asked, entry, ...(value !== undefined && { value }), problem };
    }
  }
}
