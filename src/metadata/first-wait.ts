// The one time that reads wait for the network.

import type { Timers } from "./clock.ts";

/** Lasts from its begin to its end or until its time is over, once. */
export class FirstWait {
  readonly #waitMs: number;
  readonly #timers: Timers;
  readonly #over = Promise.withResolvers<void>();
  #state: "ahead" | "on" | "over" = "ahead";
  #stopTimer: (() => void) | undefined;

  constructor(waitMs: number, timers: Timers) {
    this.#waitMs = waitMs;
    this.#timers = timers;
  }

  get isOn(): boolean {
    return this.#state === "on";
  }

  /** Resolves when it is over. Nothing to wait for: undefined. */
  get wait(): Promise<void> | undefined {
    return this.isOn ? this.#over.promise : undefined;
  }

  begin(): void {
    if (this.#state === "ahead") {
      this.#state = "on";
      this.#stopTimer = this.#timers.start(this.#waitMs, () => this.end());
    }
  }

  end(): void {
    this.#state = "over";
    this.#stopTimer?.();
    this.#over.resolve();
  }
}
