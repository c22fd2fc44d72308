// The rate limit: what GitHub says of it, when nothing may be asked, and how fast may be asked. No requests are made here.

import type { Clock } from "../clock.ts";
import type { RateLimit } from "../remote-collector.ts";
import { createPace, reserveOf, SPREAD_MS } from "./pace.ts";
import { newer, rateLimitOf, retryAfter, timeLeft } from "./rate-limit.ts";
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

/** How long nothing is asked when GitHub names no time; doubled each time in a row. */
const UNNAMED_BLOCK_MS = 60_000;
const MAX_BLOCK_MS = 3_600_000;

/** Times in answers are whole seconds. */
const ROUNDING_MS = 1_000;

export function createBudget({ clock, random }: BudgetOptions): Budget {
  let rateLimit: RateLimit | undefined;
  let block: { readonly untilMs: number; readonly because: string } | undefined;
  let limitedInARow = 0;
  let pace = createPace({ clock, random });

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
      return pace.paceMs;
    },
    note: (reply, points) => {
      limitedInARow = 0;
      const told = rateLimitOf(reply);
      if (told === undefined) {
        return;
      }
      rateLimit = newer(rateLimit, told);
      const { limit, remaining } = rateLimit;
      const leftMs = timeLeft(rateLimit, reply, clock);
      const reserve = reserveOf(limit);
      if (remaining <= reserve) {
        startBlock(
          leftMs,
          `GitHub's rate limit: the last ${reserve} of ${limit} requests an hour are left to others`,
        );
      }
      pace.note(rateLimit, points, leftMs);
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
      pace = createPace({ clock, random });
    },
  };
}
