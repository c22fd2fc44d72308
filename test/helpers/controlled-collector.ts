// A collector that finds what a test tells it to find.

import type { CollectContext, Collected, Collector, WatchListener } from "../../src/collectors/collector.ts";
import type { ScheduledCollector } from "../../src/metadata/service.ts";

export { data } from "./stepped-collector.ts";

/** What the next collection does. "hang": it ends only when it is aborted or told something else. */
export type Outcome = Collected | Error | "hang";

export class ControlledCollector implements Collector {
  readonly source: string;
  /** How many collections began. */
  calls = 0;
  /** How many are running now. */
  running = 0;
  #outcome: Outcome;
  #listener: WatchListener | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(source: string, outcome: Outcome) {
    this.source = source;
    this.#outcome = outcome;
  }

  /** As the service takes it. */
  scheduled(deadlineMs = 20_000): ScheduledCollector {
    return { collector: this, deadlineMs };
  }

  /** Changes what is found, tells of the change, and ends collections that hang. */
  set(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#listener?.changed();
    for (const wake of [...this.#waiting]) {
      wake();
    }
  }

  async collect({ signal }: CollectContext): Promise<Collected> {
    this.calls += 1;
    this.running += 1;
    try {
      while (this.#outcome === "hang") {
        await this.#woken(signal);
      }
      if (this.#outcome instanceof Error) {
        throw this.#outcome;
      }
      return this.#outcome;
    } finally {
      this.running -= 1;
    }
  }

  watch(listener: WatchListener, signal: AbortSignal): void {
    this.#listener = listener;
    listener.coverage("complete");
    signal.addEventListener("abort", () => {
      this.#listener = undefined;
    });
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", abort);
      };
      const wake = (): void => {
        forget();
        resolve();
      };
      const abort = (): void => {
        forget();
        reject(signal.reason);
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", abort);
    });
  }
}
