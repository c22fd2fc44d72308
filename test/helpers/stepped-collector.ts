// A collector whose every collection and event a test makes happen by hand, and clocks that stand still until told otherwise.

import type {
  CollectContext,
  Collected,
  Collector,
  Problem,
  WatchListener,
} from "../../src/collectors/collector.ts";
import type { Clock } from "../../src/metadata/clock.ts";

type Tree = Extract<Collected, { outcome: "data" }>["metadata"];

/** Data were found. */
export function data(metadata: Tree, warning?: Problem): Collected {
  return { outcome: "data", metadata, ...(warning && { warning }) };
}

/** Nothing is there. */
export function noData(reason: string, message = "there is nothing"): Collected {
  return { outcome: "no_data", reason, message };
}

/** One running collection. */
export interface Collection {
  readonly signal: AbortSignal;
  finish(collected: Collected): void;
  fail(error: unknown): void;
}

export interface SteppedCollectorOptions {
  /** What its events say at the start. Absent: it has no events. */
  readonly coverage?: "complete" | Problem;
  /** Whether a collection goes on when its signal is aborted. Default false. */
  readonly ignoresSignal?: boolean;
  /** See `Collector.periodMs`. */
  readonly periodMs?: number;
}

export class SteppedCollector implements Collector {
  readonly source: string;
  readonly periodMs: number;
  readonly watch?: (listener: WatchListener, signal: AbortSignal) => void;
  /** How many collections began. */
  calls = 0;
  /** The most that ran at once. */
  mostAtOnce = 0;
  /** Where events go. Absent before it is watched and after that ended. */
  listener: WatchListener | undefined;
  readonly #ignoresSignal: boolean;
  readonly #running = new Set<Collection>();
  readonly #arrivals = new Set<() => void>();

  constructor(
    source: string,
    { coverage, ignoresSignal = false, periodMs = 0 }: SteppedCollectorOptions = {},
  ) {
    this.source = source;
    this.periodMs = periodMs;
    this.#ignoresSignal = ignoresSignal;
    if (coverage !== undefined) {
      this.watch = (listener, signal) => {
        this.listener = listener;
        signal.addEventListener("abort", () => {
          this.listener = undefined;
        });
        listener.coverage(coverage);
      };
    }
  }

  async collect({ signal }: CollectContext): Promise<Collected> {
    this.calls += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Collected>();
    const collection: Collection = { signal, finish: resolve, fail: reject };
    const onAbort = (): void => reject(signal.reason);
    if (!this.#ignoresSignal) {
      signal.addEventListener("abort", onAbort);
    }
    this.#running.add(collection);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running.size);
    for (const arrive of this.#arrivals) {
      arrive();
    }
    try {
      return await promise;
    } finally {
      this.#running.delete(collection);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Whether a collection runs now. */
  get isRunning(): boolean {
    return this.#running.size > 0;
  }

  /** The collection that runs now, or the next one to begin. */
  async running(): Promise<Collection> {
    for (;;) {
      const [collection] = this.#running;
      if (collection) {
        return collection;
      }
      await new Promise<void>((resolve) => {
        this.#arrivals.add(resolve);
      });
    }
  }

  /** Ends the collection that runs now, or the next one to begin. */
  async finish(outcome: Collected | Error): Promise<void> {
    const collection = await this.running();
    if (outcome instanceof Error) {
      collection.fail(outcome);
    } else {
      collection.finish(outcome);
    }
  }

  /** Ends everything that still runs. */
  release(): void {
    for (const { fail } of this.#running) {
      fail(new Error("the test is over"));
    }
  }
}

/** Two clocks that a test moves, each by itself. */
export class ManualClock implements Clock {
  wall = Date.UTC(2026, 0, 1);
  monotonic = 1_000;

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  /** Time goes by on both. */
  advance(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}
