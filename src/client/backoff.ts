// How long to wait before a connection is tried again.

/** Bounds of the wait, in milliseconds. */
export const BACKOFF = {
  /** Before the second try. A server that restarts is back within a second. */
  firstMs: 250,
  /** What doubling ends at. */
  maxMs: 30_000,
  /** For servers that refuse: a person has to change something there or here first. */
  refusedMs: 60_000,
  /** A connection that lasted so long was good: waiting begins anew at `firstMs`. */
  stableMs: 10_000,
} as const;

/**
 * The wait after so many failures in a row: 250 ms, doubled with each one, 30 s at most, and of that a random share
 * between half and all, so that a fleet does not come back in one moment. After a refusal 30 s to 60 s.
 *
 * @param failures 1 or more.
 * @param random from 0 to 1.
 */
export function backoffMs(failures: number, isRefused: boolean, random: number): number {
  const wholeMs = isRefused
    ? BACKOFF.refusedMs
    : Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** (failures - 1));
  return Math.round(wholeMs * (0.5 + random / 2));
}
