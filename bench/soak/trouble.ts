// When a source may be in trouble, because a fault was injected into it.

import type { Ledger } from "./ledger.ts";

/** How a source stands in a plain answer, as far as the soak judges it. */
export interface SourceState {
  readonly state?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** How long a source may take to recover after a fault, in milliseconds. */
const RECOVERY_MS: Readonly<Record<string, number>> = {
  // A try that has begun ends at its deadline, and the next one begins within a second.
  git: 8_000,
  task: 5_000,
  // What failed is asked for again when it is due: a minute, and what the budget and its jitter add.
  github: 150_000,
};

export class Trouble {
  /** Until when a source may be in trouble, by the clock of `performance`. */
  readonly #untilMs = new Map<string, number>();

  /** A fault begins, and is there until `end`. */
  begin(source: string): void {
    this.#untilMs.set(source, Number.POSITIVE_INFINITY);
  }

  /** The fault is over. */
  end(source: string): void {
    this.#untilMs.set(source, performance.now() + (RECOVERY_MS[source] ?? 0));
  }

  /** Whether a source may have been in trouble at a time or later. */
  concerns(source: string, sinceMs: number): boolean {
    return (this.#untilMs.get(source) ?? 0) > sinceMs;
  }

  /** Judges how the sources of an answer stand; `sinceMs` is when it was asked for. */
  judge(kind: string, sources: Readonly<Record<string, SourceState>>, sinceMs: number, ledger: Ledger): void {
    for (const [name, { state = "", reason, message }] of Object.entries(sources)) {
      if (!/STALE|FAILED/.test(state)) {
        continue;
      }
      // The agent of the soak may change the repository faster than a busy machine reads it.
      if (this.concerns(name, sinceMs) || reason === "CHANGED_WHILE_READING") {
        ledger.injected("requests", kind);
      } else {
        ledger.unexpected("requests", kind, `${name} is ${state} (${reason}: ${message})`);
      }
    }
  }
}
