// The rate limit: what GitHub says of it, when nothing may be asked, and how fast may be asked. Servers that share a token do not
// know of each other; what GitHub says is left tells each of them what all together have spent. No requests are made here.

import type { Clock } from "../clock.ts";
import type { RateLimit } from "../remote-collector.ts";
import type { Reply } from "./transport.ts";

export interface BudgetOptions {
  readonly clock: Clock;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
}

export interface Budget {
  readonly rateLimit: RateLimit | undefined;
  /** On the monotonic clock. Undefined: requests may be made. */
  readonly blockedUntilMs: number | undefined;
  /** Why nothing may be asked now, for a person. Undefined: requests may be made. */
  readonly blockedBecause: string | undefined;
  readonly paceMs: number;
  /** Notes an answer that is no limit, and what it cost this server. */
  note(reply: Reply, points: number): void;
  /** Notes that GitHub refused to answer because of a limit. */
  noteLimited(reply: Reply): void;
  /** Another token has another budget. */
  forget(): void;
}

interface Seen {
  readonly atMs: number;
  readonly told: RateLimit;
  /** Points that this server has spent by then. */
  readonly spent: number;
}

/** GitHub's windows of the primary limit. */
const WINDOW_MS = 3_600_000;

/**
 * What is never spent, of what may be spent in a window: other users of a token, people above all, need some. Without
 * a token there are 60 for everybody behind one address.
 */
const RESERVE_SHARE = { large: 0.1, small: 1 / 3 };
const LARGE_LIMIT = 1_000;

/** The pace aims at this much less than the reserve allows, because it learns late what others spend. Share of the limit. */
const MARGIN_SHARE = 0.02;

/** What may be spent in a heap as a window begins, when many ask for the first time. Share of the usable budget. */
const AHEAD_SHARE = 0.15;

/**
 * Slope of the pace: a server pauses this long for each point that it spends, when half of what should be left is left. Simulated
 * with 1 to 300 servers: half of it overshoots with 300, twice of it swings with 100.
 */
const PAUSE_PER_POINT_MS = 600_000;

/**
 * The pause while others spend as fast as uses up a whole limit in its window; in proportion when they are faster or slower, up to
 * a bound. What is asked in vain costs no points, but GitHub counts the requests of a minute, too.
 */
const BUSY_PAUSE_MS = { typical: 15_000, most: 30_000 };

/** Over how long their speed is measured, and at least. */
const SPEED_MS = { most: 60_000, least: 10_000 };

/** The longest pause that the pace alone imposes. */
const MAX_PACE_MS = 1_800_000;

/** How long nothing is asked when GitHub names no time; doubled each time in a row. */
const UNNAMED_BLOCK_MS = 60_000;
const MAX_BLOCK_MS = 3_600_000;

/** What all servers with one token wait for at once is spread out over this long. */
const SPREAD_MS = 120_000;

/** GitHub's machines do not agree to the second on when a window ends. */
const SAME_WINDOW_MS = 60_000;

/** Times in answers are whole seconds. */
const ROUNDING_MS = 1_000;

export function createBudget({ clock, random }: BudgetOptions): Budget {
  let rateLimit: RateLimit | undefined;
  let block: { readonly untilMs: number; readonly because: string } | undefined;
  let limitedInARow = 0;
  /** What this server has spent and not yet paid for by waiting, in points; as of when; and the wait per point. */
  let debt = { points: 0, atMs: 0, pausePerPointMs: 0 };
  let paceMs = 0;
  /** What was left in this window, as told in the last minute, and once before. */
  let seen: readonly Seen[] = [];
  let spent = 0;

  const startBlock = (waitMs: number, because: string): void => {
    const spreadMs = random() * Math.min(SPREAD_MS, waitMs);
    const totalMs = Math.min(waitMs + ROUNDING_MS + spreadMs, MAX_BLOCK_MS);
    const until = new Date(clock.wallMs() + totalMs).toISOString().slice(0, 19);
    block = {
      untilMs: clock.monotonicMs() + totalMs,
      because: `${because}; nothing is asked until ${until}Z`,
    };
  };

  const present = (): typeof block =>
    block !== undefined && block.untilMs > clock.monotonicMs() ? block : undefined;

  const pay = (points: number, pausePerPointMs: number): number => {
    const nowMs = clock.monotonicMs();
    const paid = debt.pausePerPointMs === 0 ? debt.points : (nowMs - debt.atMs) / debt.pausePerPointMs;
    debt = { points: Math.max(0, debt.points - paid) + points, atMs: nowMs, pausePerPointMs };
    return debt.points * pausePerPointMs;
  };

  /** @returns points per millisecond that others have spent lately. */
  const speed = (now: RateLimit): number => {
    const nowMs = clock.monotonicMs();
    const inWindow = seen.filter(({ told }) => isSameWindow(told, now));
    const recent = inWindow.findIndex(({ atMs }) => nowMs - atMs < SPEED_MS.most);
    seen = [
      ...inWindow.slice(Math.max(0, recent === -1 ? inWindow.length - 1 : recent - 1)),
      { atMs: nowMs, told: now, spent },
    ];
    const [first] = seen;
    if (first === undefined) {
      return 0;
    }
    const byOthers = first.told.remaining - now.remaining - (spent - first.spent);
    return Math.max(0, byOthers) / Math.max(nowMs - first.atMs, SPEED_MS.least);
  };

  return {
    get rateLimit() {
      return rateLimit;
    },
    get blockedUntilMs() {
      return present()?.untilMs;
    },
    get blockedBecause() {
      return present()?.because;
    },
    get paceMs() {
      return paceMs;
    },
    note: (reply, points) => {
      limitedInARow = 0;
      const told = rateLimitOf(reply);
      if (told === undefined) {
        return;
      }
      rateLimit = newer(rateLimit, told);
      spent += points;
      const { limit, remaining } = rateLimit;
      const leftMs = timeLeft(rateLimit, reply, clock);
      const reserve = reserveOf(limit);
      if (remaining <= reserve) {
        startBlock(
          leftMs,
          `GitHub's rate limit: the last ${reserve} of ${limit} requests an hour are left to others`,
        );
      }
      const debtMs = pay(points, pausePerPoint(rateLimit, leftMs));
      const haste = speed(rateLimit) / (limit / WINDOW_MS);
      const busyMs = Math.min(BUSY_PAUSE_MS.typical * haste, BUSY_PAUSE_MS.most);
      paceMs = Math.min(Math.max(debtMs, busyMs), leftMs + random() * SPREAD_MS, MAX_PACE_MS);
    },
    noteLimited: (reply) => {
      const told = rateLimitOf(reply);
      rateLimit = told ?? rateLimit;
      const retryAfterMs = retryAfter(reply, clock);
      const unnamedMs = UNNAMED_BLOCK_MS * 2 ** Math.min(limitedInARow, 6);
      limitedInARow += 1;
      if (told?.remaining === 0) {
        startBlock(
          retryAfterMs ?? (timeLeft(told, reply, clock) || unnamedMs),
          `GitHub's rate limit of ${told.limit} requests an hour is used up`,
        );
        return;
      }
      startBlock(retryAfterMs ?? unnamedMs, "GitHub's secondary rate limit is exceeded");
    },
    forget: () => {
      rateLimit = undefined;
      block = undefined;
      limitedInARow = 0;
      debt = { points: 0, atMs: 0, pausePerPointMs: 0 };
      seen = [];
      paceMs = 0;
    },
  };
}

/** Whether GitHub refused because of a limit. It says so by status alone, by header, or only in words. */
export function isLimited({ status, headers, body }: Reply): boolean {
  return (
    status === 429 ||
    (status === 403 &&
      (headers["x-ratelimit-remaining"] === "0" ||
        headers["retry-after"] !== undefined ||
        /rate limit|abuse detection/i.test(body)))
  );
}

/**
 * How long one point is to be followed by nothing. What should be left is the usable budget in proportion to the time that
 * is left: while as much is left, nothing is slowed down. Below that, the pause grows as the quotient of the two: it holds the
 * spending of any number of servers at a constant distance below that line, which runs to zero at the reset.
 */
function pausePerPoint({ limit, remaining }: RateLimit, leftMs: number): number {
  const kept = reserveOf(limit) + limit * MARGIN_SHARE;
  const wanted = (limit - kept) * Math.min(leftMs / WINDOW_MS, 1 - AHEAD_SHARE);
  const left = Math.max(remaining - kept, Number.EPSILON);
  return PAUSE_PER_POINT_MS * Math.max(0, wanted / left - 1);
}

function reserveOf(limit: number): number {
  return Math.floor(limit * (limit >= LARGE_LIMIT ? RESERVE_SHARE.large : RESERVE_SHARE.small));
}

/** Undefined: the answer says nothing of the limit that all our requests fall under. */
function rateLimitOf({ headers }: Reply): RateLimit | undefined {
  const limit = count(headers["x-ratelimit-limit"]);
  const remaining = count(headers["x-ratelimit-remaining"]);
  const resetS = count(headers["x-ratelimit-reset"]);
  const resource = headers["x-ratelimit-resource"] ?? "core";
  if (
    limit === undefined ||
    limit === 0 ||
    remaining === undefined ||
    resetS === undefined ||
    resource !== "core"
  ) {
    return undefined;
  }
  return { limit, remaining, resetMs: resetS * 1_000 };
}

/** Answers come from many machines of GitHub's: within one window the least that was told counts. */
function newer(known: RateLimit | undefined, told: RateLimit): RateLimit {
  return known !== undefined && isSameWindow(known, told) && known.remaining < told.remaining ? known : told;
}

function isSameWindow(a: RateLimit, b: RateLimit): boolean {
  return a.limit === b.limit && Math.abs(a.resetMs - b.resetMs) < SAME_WINDOW_MS;
}

/** Until the window ends, in milliseconds; by GitHub's own clock, because ours may be wrong. */
function timeLeft({ resetMs }: RateLimit, { headers }: Reply, clock: Clock): number {
  const date = Date.parse(headers["date"] ?? "");
  const nowMs = Number.isNaN(date) ? clock.wallMs() : date;
  return Math.min(Math.max(resetMs - nowMs, 0), WINDOW_MS);
}

/** `Retry-After`, in milliseconds: seconds or a date. Undefined: there is none that could be read. */
function retryAfter({ headers }: Reply, clock: Clock): number | undefined {
  const text = headers["retry-after"];
  if (text === undefined) {
    return undefined;
  }
  const seconds = count(text);
  const date = Date.parse(text);
  if (seconds !== undefined) {
    return seconds * 1_000;
  }
  return Number.isNaN(date)
    ? undefined
    : Math.max(0, date - (Date.parse(headers["date"] ?? "") || clock.wallMs()));
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
