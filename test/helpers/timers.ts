// Timers that say what was asked of them.

import { systemTimers, type Timers } from "../../src/client/timers.ts";

export interface NotedTimers extends Timers {
  /** How many are running. */
  running(): number;
  /** What was asked for so far, in milliseconds. */
  readonly delaysMs: readonly number[];
}

/** The machine's own, but none takes longer than `mostMs`. */
export function noteTimers(mostMs = Number.POSITIVE_INFINITY): NotedTimers {
  const delaysMs: number[] = [];
  let running = 0;
  return {
    delaysMs,
    running: () => running,
    nowMs: systemTimers.nowMs,
    start: (delayMs, action) => {
      delaysMs.push(delayMs);
      running += 1;
      let isRunning = true;
      const over = (): void => {
        running -= isRunning ? 1 : 0;
        isRunning = false;
      };
      const stop = systemTimers.start(Math.min(delayMs, mostMs), () => {
        over();
        action();
      });
      return () => {
        over();
        stop();
      };
    },
  };
}
