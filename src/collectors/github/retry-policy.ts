// How long is waited for an answer, and how often it is tried.

import type { Timers } from "../clock.ts";
import { CollectError } from "../collector.ts";

/** What a question may take in all, its pages and the second attempt included. In milliseconds. */
const DEADLINE_MS = 10_000;

/** What the first attempt may take, so that there is time for a second one. */
const FIRST_ATTEMPT_MS = 5_000;

/** The pause before the second attempt: at least, and at most so much more. */
const BACKOFF_MS = { least: 250, spread: 750 };

export interface RetryPolicy {
  /** Aborted at the deadline, with a {@link CollectError} TIMEOUT, or by whoever asks. */
  readonly signal: AbortSignal;
  /**
   * Tries again, once in the whole life of this policy, after a pause.
   *
   * @param attempt - Is given a signal that ends the first attempt early enough for a second one.
   * @param isTransient - Whether what it threw may be otherwise the next time.
   */
  twice<T>(
    attempt: (signal: AbortSignal) => Promise<T>,
    isTransient: (error: unknown) => boolean,
  ): Promise<T>;
  /** Must be called: no timer is left. */
  end(): void;
}

export function createRetryPolicy(
  outer: AbortSignal,
  { timers, random }: { readonly timers: Timers; readonly random: () => number },
): RetryPolicy {
  const limit = (afterMs: number, of: AbortSignal): { signal: AbortSignal; stop: () => void } => {
    const controller = new AbortController();
    const stop = timers.start(afterMs, () =>
      controller.abort(new CollectError("TIMEOUT", `GitHub does not answer within ${afterMs / 1_000} s`)),
    );
    return { signal: AbortSignal.any([of, controller.signal]), stop };
  };
  const whole = limit(DEADLINE_MS, outer);
  let isSpent = false;

  const pause = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const over = (): void => {
        stop();
        reject(whole.signal.reason);
      };
      const stop = timers.start(BACKOFF_MS.least + random() * BACKOFF_MS.spread, () => {
        whole.signal.removeEventListener("abort", over);
        resolve();
      });
      whole.signal.addEventListener("abort", over, { once: true });
    });

  return {
    signal: whole.signal,
    end: whole.stop,
    twice: async (attempt, isTransient) => {
      if (isSpent) {
        return attempt(whole.signal);
      }
      const first = limit(FIRST_ATTEMPT_MS, whole.signal);
      try {
        return await attempt(first.signal);
      } catch (error) {
        if (whole.signal.aborted || !isTransient(error)) {
          throw error;
        }
      } finally {
        first.stop();
      }
      isSpent = true;
      await pause();
      return attempt(whole.signal);
    },
  };
}
