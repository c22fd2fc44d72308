// When to ask what: the periods of all questions to GitHub. Pure.

/** A moment at which something was asked. */
export interface Asked {
  readonly monotonicMs: number;
  readonly wallMs: number;
  /** Drawn for this moment, 0 to 1: how much of the jitter the wait after it gets. */
  readonly jitter: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Time to live of the answer about a pull request that may change at any time, or that may be opened. */
const OPEN_MS = 30 * SECOND_MS;
/** While something is expected to change. A little more, so that it is never less with its jitter. */
const PENDING_MS = 11 * SECOND_MS;
/** So soon after a push its checks begin, if there are any. */
const BEGIN_MS = MINUTE_MS;
/** Once it was merged or closed. */
const OVER_MS = 5 * MINUTE_MS;
/** Details that were not asked for in the list's place. */
const DETAILS_MS = 2 * MINUTE_MS;
/** The details do not tell when another pull request of the same head was opened, which is rare. */
const LIST_MS = 120 * MINUTE_MS;
/** The second in which something changed, and as much as our clock may be ahead of GitHub's. */
const SAME_MOMENT_MS = 15 * SECOND_MS;
/** What failed is tried again. */
const RETRY_MS = MINUTE_MS;
/** What the token may not read is hardly ever allowed later. */
const FORBIDDEN_MS = 30 * MINUTE_MS;
/** After a change of the checkout: the pull request is opened a little later. */
const AFTER_CHANGE_MS = [0, 5 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS] as const;
/** Checks that have ended are asked for again after this share of the time for which nothing has happened... */
const QUIET_SHARE = 1 / 4;
/** ...within these bounds. */
const QUIET_MS = { min: OPEN_MS, max: 120 * MINUTE_MS } as const;
/** Those of the kind that the repository does not seem to use, and those of which GitHub's word for mergeable tells. */
const UNLIKELY_MS = { min: 2 * MINUTE_MS, max: 360 * MINUTE_MS } as const;
/** After failures in a row: doubled each time. */
const BACKOFF_MS = { min: 15 * SECOND_MS, max: 5 * MINUTE_MS } as const;
/** From one look after a change to the next one: a commit and its push are looked up together. */
const HURRY_MS = 5 * SECOND_MS;
/** However often the checkout changes: so many rounds in so long a time, at most. */
const ROUNDS = { most: 8, withinMs: MINUTE_MS } as const;
/**
 * How much shorter than its period a wait may be, so that servers that were started together do not stay together: more where
 * it does not matter when exactly.
 */
const JITTER = { usual: 0.1, long: 0.5 } as const;
const LONG_MS = 6 * MINUTE_MS;

/** End of a period that began when something was asked. */
export function dueMs({ monotonicMs, jitter }: Asked, periodMs: number): number {
  const share = periodMs > LONG_MS ? JITTER.long : JITTER.usual;
  return monotonicMs + periodMs * (1 - share * jitter);
}

/** Until the entry of the pull request is asked for again. */
export function entryPeriodMs(state: "open" | "over" | "none"): number {
  return state === "over" ? OVER_MS : OPEN_MS;
}

/** Whether the list is to be asked for beside the details of an open pull request. */
export function isListDue(listAsked: Asked, nowMs: number): boolean {
  return dueMs(listAsked, LIST_MS) <= nowMs;
}

/**
 * When one of two is due that are asked in turn, so that there is one question every half minute.
 *
 * @param isNext - Whether it was the other one's turn last.
 */
export function turnDueMs(mine: Asked, other: Asked, isNext: boolean): number {
  return isNext ? dueMs(other, OPEN_MS) : dueMs(mine, 2 * OPEN_MS);
}

/** From a question about the entry to the next one about anything else, so that many that wait for checks do not ask twice. */
export function otherDueMs(entryAsked: Asked): number {
  return dueMs(entryAsked, PENDING_MS);
}

/** Until the details are asked for although the list shows no change. */
export function detailsPeriodMs(details: { readonly isOpen: boolean; readonly isBeingComputed: boolean }) {
  if (!details.isOpen) return Number.POSITIVE_INFINITY;
  return details.isBeingComputed ? PENDING_MS : DETAILS_MS;
}

/**
 * Until the checks are asked for although the head is the same. Checks that have ended are run again at times, the sooner
 * after the last event the likelier.
 *
 * @param quietMs - For how long nothing has happened to the pull request and its checks, by GitHub's clock.
 */
export function checksPeriodMs(checks: {
  readonly isOpen: boolean;
  readonly isPending: boolean;
  /** There are none yet, and some may begin after a push. */
  readonly isExpected: boolean;
  /** There are none of this kind, but some of the other; or it would be known otherwise that they have changed. */
  readonly isUnlikely: boolean;
  readonly quietMs: number;
}): number {
  const { isOpen, isPending, isExpected, isUnlikely, quietMs } = checks;
  if (!isOpen) return isPending ? OVER_MS : Number.POSITIVE_INFINITY;
  if (isPending || (isExpected && quietMs < BEGIN_MS)) return PENDING_MS;
  const { min, max } = isUnlikely ? UNLIKELY_MS : QUIET_MS;
  return Math.min(max, Math.max(min, quietMs * QUIET_SHARE));
}

/**
 * Until the reviews are asked for although the entry does not change: GitHub's times are whole seconds, so one that came in the second
 * of the last change, after the answer, is told by nothing else.
 *
 * @param changedAgoMs - How long before the question the pull request had changed, by our clock. Negative where that is
 *   behind GitHub's.
 */
export function reviewsPeriodMs(changedAgoMs: number): number {
  return changedAgoMs < SAME_MOMENT_MS ? OPEN_MS : Number.POSITIVE_INFINITY;
}

/** Until a part that failed is tried again. */
export function retryPeriodMs(reason: string): number {
  return reason === "FORBIDDEN" || reason === "SSO_REQUIRED" || reason === "NOT_FOUND_OR_NO_ACCESS"
    ? FORBIDDEN_MS
    : RETRY_MS;
}

/** When a change of the checkout wants to be looked up. */
export function afterChangeMs(changedMs: number): readonly number[] {
  return AFTER_CHANGE_MS.map((ms) => changedMs + ms);
}

/** The next moment at which a change wants to be looked up. Infinite: none is left. */
export function nextHurryMs(hurriesMs: readonly number[], lastMs: number | undefined): number {
  const [firstMs = Number.POSITIVE_INFINITY] = hurriesMs;
  return Math.max(firstMs, (lastMs ?? Number.NEGATIVE_INFINITY) + HURRY_MS);
}

/** The wait after so many failures in a row. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MS.max, BACKOFF_MS.min * 2 ** (failures - 1));
}

/** The rounds that count for {@link earliestRoundMs}, with one more. */
export function withRound(roundsMs: readonly number[], nowMs: number): readonly number[] {
  return [...roundsMs, nowMs].slice(-ROUNDS.most);
}

/** Before this moment there is no other round. @param roundsMs - When the last ones began, oldest first. */
export function earliestRoundMs(roundsMs: readonly number[]): number {
  const [oldest] = roundsMs;
  return oldest === undefined || roundsMs.length < ROUNDS.most
    ? Number.NEGATIVE_INFINITY
    : oldest + ROUNDS.withinMs;
}
