// What a part of the benchmark is.

/** How long and how often to measure. */
export interface Measuring {
  /** Length of one measurement of load, in seconds. */
  readonly seconds: number;
  /** Length of one measurement of rest, in seconds. */
  readonly restSeconds: number;
  /** Starts of a process, and rounds of writes. */
  readonly rounds: number;
  /** Commits in a loop. */
  readonly commits: number;
}

/** Measures, prints its tables, and leaves nothing behind that cleanup does not know. @returns how many reads failed. */
export type Part = (measuring: Measuring) => Promise<number>;
