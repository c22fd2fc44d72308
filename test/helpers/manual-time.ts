// A clock and timers that a test moves: an hour passes in a moment, and every timer goes off at its time.

import type { Clock, Timers } from "../../src/collectors/clock.ts";

interface Pending {
  readonly atMs: number;
  readonly action: () => void;
}

export class ManualTime implements Clock, Timers {
  #wall = Date.UTC(2026, 0, 1);
  #monotonic = 1_000;
  readonly #pending = new Set<Pending>();

  wallMs(): number {
    return this.#wall;
  }

  monotonicMs(): number {
    return this.#monotonic;
  }

  start(delayMs: number, action: () => void): () => void {
    const pending = { atMs: this.#monotonic + Math.max(0, delayMs), action };
    this.#pending.add(pending);
    return () => this.#pending.delete(pending);
  }

  /** How long the running timers have still to go, ascending, in milliseconds. */
  get timersMs(): number[] {
    return [...this.#pending].map(({ atMs }) => atMs - this.#monotonic).sort((a, b) => a - b);
  }

  /** Time goes by, and everything happens that waits for nothing but time and promises. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonic + ms;
    await settled();
    for (;;) {
      const [next] = [...this.#pending].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) {
        break;
      }
      this.#moveTo(next.atMs);
      this.#pending.delete(next);
      next.action();
      await settled();
    }
    this.#moveTo(endMs);
  }

  #moveTo(monotonicMs: number): void {
    this.#wall += monotonicMs - this.#monotonic;
    this.#monotonic = monotonicMs;
  }
}

/** Resolves when everything has happened that waits for nothing but promises. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Whether a promise is still open once all that waits for nothing else has happened. */
export async function isOpen(promise: Promise<unknown> | undefined): Promise<boolean> {
  let open = promise !== undefined;
  void promise?.then(() => {
    open = false;
  });
  await settled();
  return open;
}
