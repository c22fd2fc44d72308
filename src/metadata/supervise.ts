// Work that has a deadline and can be ended, whether or not it heeds its signal.

import { CollectError } from "../collectors/collector.ts";
import { abortable } from "./abortable.ts";
import type { Timers } from "./clock.ts";

/** One piece of work that was begun. */
export interface Supervised<T> {
  /** What it gave. Rejects with what it threw, or with the reason of its abortion at once. */
  readonly result: Promise<T>;
  /** Resolves when the work is done, which may be later than its abortion. Never rejects. */
  readonly letGo: Promise<void>;
}

/** Aborts work that takes longer than a deadline, in milliseconds, with reason TIMEOUT. Leaves no timer behind. */
export function supervise<T>(
  work: Promise<T>,
  options: {
    readonly abort: AbortController;
    /** Who does not answer, for a person. */
    readonly name: string;
    readonly deadlineMs: number;
    readonly timers: Timers;
  },
): Supervised<T> {
  const { abort, name, deadlineMs, timers } = options;
  const stop = timers.start(deadlineMs, () => {
    const message = `${name} did not answer within ${deadlineMs} ms`;
    abort.abort(new CollectError("TIMEOUT", message, { waitedInVain: true }));
  });
  return {
    result: abortable(work, abort.signal).finally(stop),
    letGo: work.then(
      () => undefined,
      () => undefined,
    ),
  };
}
