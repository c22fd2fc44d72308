// Timers that say how many are running.

import { systemTimers, type Timers } from "../../src/client/timers.ts";

export interface NotedTimers extends Timers {
  /** How many are running. */
  running(): number;
}

/** The machine's own, but none takes longer than `mostMs`. */
export function noteTimers(mostMs = Number.POSITIVE_INFINITY): NotedTimers {
  let running = 0;
  return {
    running: () => running,
    nowMs: systemTimers.nowMs,
    start: (delayMs, action) => {
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
