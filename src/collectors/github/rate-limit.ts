// What GitHub's answers say of limits, in their headers and words. Pure.

import type { Clock } from "../clock.ts";
import type { RateLimit } from "../remote-collector.ts";
import type { Reply } from "./transport.ts";

/** GitHub's windows of the primary limit. */
export const WINDOW_MS = 3_600_000;

/** GitHub's machines do not agree to the second on when a window ends. */
const SAME_WINDOW_MS = 60_000;

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

/** Undefined: the answer says nothing of the limit that all our requests fall under. */
export function rateLimitOf({ headers }: Reply): RateLimit | undefined {
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
export function newer(known: RateLimit | undefined, told: RateLimit): RateLimit {
  return known !== undefined && isSameWindow(known, told) && known.remaining < told.remaining ? known : told;
}

/** Whether both were told of one window. */
export function isSameWindow(a: RateLimit, b: RateLimit): boolean {
  return a.limit === b.limit && Math.abs(a.resetMs - b.resetMs) < SAME_WINDOW_MS;
}

/** Until the window ends, in milliseconds; by GitHub's own clock, because ours may be wrong. */
export function timeLeft({ resetMs }: RateLimit, { headers }: Reply, clock: Clock): number {
  const date = Date.parse(headers["date"] ?? "");
  const nowMs = Number.isNaN(date) ? clock.wallMs() : date;
  return Math.min(Math.max(resetMs - nowMs, 0), WINDOW_MS);
}

/** `Retry-After`, in milliseconds: seconds or a date. Undefined: there is none that could be read. */
export function retryAfter({ headers }: Reply, clock: Clock): number | undefined {
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
