// Time as a parameter.

/** The two clocks of a machine. */
export interface Clock {
  /** Milliseconds since 1970, for a person. May jump in either direction. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start, for durations and ages. Never goes back. */
  monotonicMs(): number;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
