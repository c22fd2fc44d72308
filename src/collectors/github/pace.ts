// How fast may be asked, so that what is left of the budget lasts until it is renewed. Servers that share a token do not know of each
// other; what GitHub says is left tells each of them what all together have spent.

import type { Clock } from "../clock.ts";
import type { RateLimit } from "../remote-collector.ts";
import { isSameWindow, WINDOW_MS } from "./rate-limit.ts";

/** Belongs to one token. */
export interface Pace {
  /** See {@link GitHubApi.paceMs}. */
  readonly paceMs: number;
  /**
   * Notes an answer.
   *
   * @param told - What is left after it.
   * @param points - What it cost this server.
   * @param leftMs - Until the window ends.
   */
  note(told: RateLimit, points: number, leftMs: number): void;
}

interface Seen {
  readonly atMs: number;
  readonly told: RateLimit;
  /** Points that this server has spent by then. */
  readonly spent: number;
}

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

/** What all servers with one token wait for at once is spread out over this long. */
export const SPREAD_MS = 120_000;

export function createPace({
  clock,
  random,
}: {
  readonly clock: Clock;
  readonly random: () => number;
}): Pace {
  /** What this server has spent and not yet paid for by waiting, in points; as of when; and the wait per point. */
  let debt = { points: 0, atMs: 0, pausePerPointMs: 0 };
  let paceMs = 0;
  /** What was left in this window, as told in the last minute, and once before. */
  let seen: readonly Seen[] = [];
  let spent = 0;

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
    get paceMs() {
      return paceMs;
    },
    note: (told, points, leftMs) => {
      spent += points;
      const debtMs = pay(points, pausePerPoint(told, leftMs));
      const haste = speed(told) / (told.limit / WINDOW_MS);
      const busyMs = Math.min(BUSY_PAUSE_MS.typical * haste, BUSY_PAUSE_MS.most);
      paceMs = Math.min(Math.max(debtMs, busyMs), leftMs + random() * SPREAD_MS, MAX_PACE_MS);
    },
  };
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

/** What is left to others, of what may be spent in a window. */
export function reserveOf(limit: number): number {
  return Math.floor(limit * (limit >= LARGE_LIMIT ? RESERVE_SHARE.large : RESERVE_SHARE.small));
}
