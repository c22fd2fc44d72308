// Every limit on what is served, in one place.

/** Limits of the flat map. Sizes are those of the JSON text in UTF-8, because that is what a client receives. */
export interface MetadataLimits {
  /** Longest key, in characters. A longer one fails the build. */
  readonly keyCharacters: number;
  /** Longest value, in bytes as JSON, quotes included. A longer one is cut and marked. */
  readonly valueBytes: number;
  /** All entries together, in bytes as JSON. What exceeds it is dropped and the source says so. */
  readonly totalBytes: number;
}

/** The limits that clients rely on; they are part of the contract. */
export const METADATA_LIMITS: MetadataLimits = {
  keyCharacters: 256,
  valueBytes: 4096,
  totalBytes: 1024 * 1024,
};

/** Limits on what one request may ask for. A request beyond them is refused with `invalid_argument`. */
export const REQUEST_LIMITS = {
  /** Names in `keys`. More than ten times the catalogue; bounds the work of matching them. */
  keyNames: 1_000,
  /** Shortest and longest `heartbeat_interval` of a watch, in milliseconds, and the one that is used when none is given. */
  heartbeatMs: { min: 1_000, max: 300_000, default: 30_000 },
  /** Longest `wait` for a change, in milliseconds. */
  waitMs: 300_000,
} as const;

/** How sources are kept current while somebody watches, and how often a watch sends, in milliseconds. */
export const WATCH_LIMITS = {
  /** How often a source is collected whose changes no event tells of, unless it has a longer period, or that has failed. */
  pollMs: 1_000,
  /**
   * Shortest and longest time between two collections that events call for. In between it is what the last one took, and up
   * to four times that when it found nothing new: a build that writes without end takes a fifth of the time of one core.
   */
  pauseMs: { min: 50, max: 1_000 },
  /** Changes that follow a sent one within this time are sent together. */
  mergeMs: 50,
} as const;

/** How answers are compressed for clients that ask for it. */
export const COMPRESSION = {
  /**
   * Shorter ones, in bytes, are not: they fit in the ten segments that TCP sends at once (RFC 6928), so that fewer bytes would
   * not make them arrive sooner, and compressing costs more CPU than all the rest of a read.
   */
  minBytes: 14_600,
  /**
   * Of Brotli, 0 to 11. Less CPU than gzip takes, and fewer bytes: 1 MiB in 7 ms (gzip: 11 ms). Node's own default, 11, takes a
   * second, and with it one of the four threads that read files.
   */
  brotliQuality: 4,
} as const;

/** When a remote source is asked, beside what its collector says, in milliseconds. */
export const REMOTE_LIMITS = {
  /** It is in use for this long after the last read, or after the last watcher went: until then it is kept current. */
  useMs: 300_000,
  /** Reads wait for the very first collection until this long after its begin. */
  firstWaitMs: 1_000,
  /** Local questions on behalf of a remote source, such as whether one commit is an ancestor of another, end by then. */
  prepareMs: 5_000,
  /**
   * Shortest time between two collections of the same checkout after a success and after a failure, whatever the collector
   * says: a defect must not spend the budget.
   */
  pauseMs: { succeeded: 1_000, failed: 5_000 },
  /** Longest time that a timer is set for: what is due later is looked at again then. */
  timerMs: 3_600_000,
} as const;
