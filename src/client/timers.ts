// Time as a parameter, so that tests need not wait.

/** A clock and its timers. */
export interface Timers {
  /** Milliseconds from an arbitrary start. Never goes back. */
  nowMs(): number;
  /** Runs `action` once, `delayMs` from now. @returns the function that calls it off. */
  start(delayMs: number, action: () => void): () => void;
}

/** The longest that a timer can be set to, in milliseconds: almost 25 days. One that is set to more is over at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** The machine's own. */
export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  start: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after a time, or as soon as `signal` is aborted. Leaves neither timer nor listener behind. */
export function pause(delayMs: number, timers: Timers, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      stop();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const stop = timers.start(delayMs, finish);
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) {
      finish();
    }
  });
}
