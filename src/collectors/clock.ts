// Time as a parameter.

/** The two clocks of a machine. */
export interface Clock {
  /** Milliseconds since 1970, for a person. May jump in either direction. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start, for durations and ages. Never goes back. */
  monotonicMs(): number;
}

/** What happens later. */
export interface Timers {
  /** Runs `action` once, `delayMs` from now, without keeping the process alive. @returns the function that calls it off. */
  start(delayMs: number, action: () => void): () => void;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/**
 * The machine's own timers. What is called off in the same turn never was one: Node wakes the process for a timer when its
 * time comes, called off or not.
 */
export const systemTimers: Timers = {
  start: (delayMs, action) => {
    let timer: NodeJS.Timeout | undefined;
    const turn = setImmediate(() => {
      timer = setTimeout(action, delayMs).unref();
    });
    return () => {
      clearImmediate(turn);
      clearTimeout(timer);
    };
  },
};
