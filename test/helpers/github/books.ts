// The books of the stand-in: what was asked of it, and what that cost.

/** One request as GitHub saw it. */
export interface Booked {
  /** When it arrived, on GitHub's clock, in milliseconds since 1970. */
  readonly atMs: number;
  /** Path and query. */
  readonly url: string;
  /** Value of the header `Authorization`, without its scheme. Undefined: none came. */
  readonly token: string | undefined;
  /** In lower case. */
  readonly headerNames: readonly string[];
  /** What was answered. 0: nothing, by a fault. */
  status: number;
  /** Points of the primary rate limit. */
  cost: number;
}

const MINUTE_MS = 60_000;

/** What was asked so far. */
export class Books {
  /** In the order of their arrival. */
  readonly requests: Booked[] = [];
  /** What no test of ours should ever send: the test that closes the stand-in fails with these. Take out what is expected. */
  readonly unexpected: string[] = [];
  /** The most requests that were answered at the same time. */
  peakConcurrency = 0;
  /** How many are being answered. */
  open = 0;

  /** Points of the primary rate limit that were spent. */
  get points(): number {
    return this.requests.reduce((sum, { cost }) => sum + cost, 0);
  }

  /** How many requests arrived in each minute of GitHub's clock in which any did, in order. */
  get requestsPerMinute(): number[] {
    const minutes = new Map<number, number>();
    for (const { atMs } of this.requests) {
      const minute = Math.floor(atMs / MINUTE_MS);
      minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    }
    return [...minutes].sort(([a], [b]) => a - b).map(([, count]) => count);
  }

  /** Forgets the requests so far, not the unexpected ones. */
  clear(): void {
    this.requests.length = 0;
    this.peakConcurrency = this.open;
  }
}
