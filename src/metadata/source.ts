// Schedules one collector: when it runs, for how long, and what is known while it does not succeed. Owns deadline,
// single flight, the last good state, and the words for how the source is doing.

import { create, equals, type Message } from "@bufbuild/protobuf";
import { CollectError, type Collected, type Collector, type Problem } from "../collectors/collector.ts";
import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { abortable } from "./abortable.ts";
import type { Catalogue } from "./catalogue.ts";
import { cleanText } from "./clean-text.ts";
import type { Clock } from "./clock.ts";
import { cleanTree } from "./flatten.ts";
import { METADATA_LIMITS } from "./limits.ts";

/** What a source is made of. */
export interface SourceOptions {
  readonly collector: Collector;
  readonly catalogue: Catalogue;
  /** A collection that takes longer, in milliseconds, is aborted and has failed with reason TIMEOUT. */
  readonly deadlineMs: number;
  /** Whether to follow the collector's events, where it has any. Without, every read collects anew. */
  readonly watch: boolean;
  readonly clock: Clock;
  readonly observer?: SourceObserver;
}

/** Hears what a source does, for log and metrics. Must not throw. */
export interface SourceObserver {
  /** A collection ended. `error` is present when it was a defect (reason INTERNAL): it is not served to anybody. */
  collected?(source: string, report: SourceReport, error?: unknown): void;
  /** Events began or ceased to tell of every change. */
  coverage?(source: string, state: "complete" | Problem): void;
}

/** Whom a source tells what happens. Must not throw. */
export interface SourceListener {
  /** A collection changed what this source contributes to an answer. */
  changed(): void;
  /** An event told that something may have changed, or whether events tell of every change. May be called often. */
  stirred(): void;
}

/** How a source is doing, and what it knows. Immutable. */
export interface SourceReport {
  readonly state: SourceState;
  /** Empty when there is nothing to say. */
  readonly reason: string;
  /** Clean. Empty when there is nothing to say. */
  readonly message: string;
  /** The values, clean. Present in the states fresh and stale only. */
  readonly metadata?: Message;
  /** Keys of the leaves of `metadata` that were cut. */
  readonly truncated: ReadonlySet<string>;
  /** When the collection that `metadata` stems from began. Absent when none ever succeeded. */
  readonly collectedAt?: { readonly wallMs: number; readonly monotonicMs: number };
  /** How long the last finished collection took. Absent before the first. */
  readonly collectionMs?: number;
}

interface Collection {
  readonly startedMs: number;
  readonly changesAtStart: number;
  readonly done: Promise<void>;
}

const NOTHING_TRUNCATED: ReadonlySet<string> = new Set();

/** One source of metadata. `start` it to follow events and to be ready for the first read; `close` it at the end. */
export class Source {
  readonly name: string;
  readonly #options: SourceOptions;
  readonly #closed = new AbortController();
  readonly #listener: SourceListener;
  #report: SourceReport = {
    state: SourceState.PENDING,
    reason: "",
    message: "",
    truncated: NOTHING_TRUNCATED,
  };
  #running: Collection | undefined;
  #next: Promise<void> | undefined;
  /** Settles when the collector is done, which may outlive the collection when the collector ignores its signal. */
  #collectorBusy: Promise<void> | undefined;
  /** Whether a read asked for a collection that the busy collector could not begin. */
  #isWanted = false;
  /** How often something changed; what is known is current while no collection is older than the last change. */
  #changes = 0;
  #collectedChanges = -1;
  #coverage: "complete" | Problem | undefined;
  #lastCollected: Collected | undefined;
  /** Whether the last collection took its time and came to nothing: reads do not wait for the next one. */
  #waitedInVain = false;
  #version = 0;

  constructor(options: SourceOptions, listener: SourceListener) {
    this.name = options.collector.source;
    this.#options = options;
    this.#listener = listener;
  }

  /** How the source is doing now. */
  get report(): SourceReport {
    return this.#report;
  }

  /** Differs from before after every collection that changed what this source contributes to an answer. */
  get version(): number {
    return this.#version;
  }

  /**
   * Whether events tell when there is something to collect: they tell of every change, and the last collection has neither
   * failed, which is tried again without one, nor found what holds for a time only.
   */
  get isTold(): boolean {
    return (
      this.#coverage === "complete" &&
      this.#collectedChanges !== -1 &&
      this.#lastCollected?.holdsMs === undefined
    );
  }

  /** Milliseconds since what is known was collected, never negative. Absent when nothing ever was. */
  get ageMs(): number | undefined {
    const { collectedAt } = this.#report;
    return collectedAt && Math.max(0, this.#options.clock.monotonicMs() - collectedAt.monotonicMs);
  }

  /** Begins to follow events and to collect for the first time, without waiting for it. */
  start(): void {
    if (this.#options.watch) {
      this.#options.collector.watch?.(
        {
          changed: () => {
            this.#changes += 1;
            this.#listener.stirred();
          },
          coverage: (state) => this.#covered(state),
        },
        this.#closed.signal,
      );
    }
    void this.#collect();
  }

  /** Ends the running collection and the following of events. Reads that wait are let go. Takes 1 s at most. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running?.done;
    if (this.#collectorBusy !== undefined) {
      await abortable(this.#collectorBusy, AbortSignal.timeout(1_000)).catch(() => undefined);
    }
  }

  /**
   * Waits until what is known is current: as of the last event where events tell of every change, else as of this call.
   * Nothing to wait for: returns undefined, so that a read of a clean source costs nothing. Never rejects, and never waits
   * for a collector that the last collection waited for in vain: that one is tried again in the background.
   *
   * @param maxAgeMs what was collected longer ago is not current, whatever the events say.
   */
  current(maxAgeMs?: number): Promise<void> | undefined {
    if (this.#closed.signal.aborted) {
      return undefined;
    }
    const collection = this.#currentCollection(maxAgeMs);
    return this.#waitedInVain ? undefined : collection;
  }

  #currentCollection(maxAgeMs: number | undefined): Promise<void> | undefined {
    const { clock, collector } = this.#options;
    const now = clock.monotonicMs();
    const holdsMs =
      this.#coverage === "complete"
        ? (this.#lastCollected?.holdsMs ?? Number.POSITIVE_INFINITY)
        : (collector.periodMs ?? 0);
    const oldestMs = maxAgeMs === undefined ? undefined : now - maxAgeMs;
    const isCurrent = ({ startedMs, changesAtStart }: Omit<Collection, "done">): boolean =>
      changesAtStart === this.#changes &&
      startedMs >= now - holdsMs &&
      (oldestMs === undefined || startedMs >= oldestMs);
    const { collectedAt } = this.#report;
    if (
      collectedAt &&
      isCurrent({ startedMs: collectedAt.monotonicMs, changesAtStart: this.#collectedChanges })
    ) {
      return undefined;
    }
    if (this.#running === undefined) {
      return this.#next ?? this.#collect();
    }
    if (isCurrent(this.#running)) {
      return this.#running.done;
    }
    this.#next ??= this.#running.done.then(() => {
      this.#next = undefined;
      return this.#collect();
    });
    return this.#next;
  }

  #covered(state: "complete" | Problem): void {
    this.#coverage = state;
    this.#changes += 1;
    this.#options.observer?.coverage?.(this.name, state);
    this.#listener.stirred();
  }

  /**
   * Begins a collection. While the collector has not let go of one that exceeded its deadline, there is nothing to wait for:
   * the next one begins as soon as it has.
   */
  #collect(): Promise<void> {
    if (this.#collectorBusy !== undefined) {
      this.#isWanted = true;
      return Promise.resolve();
    }
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const started = { wallMs: clock.wallMs(), monotonicMs: startedMs };
    const changesAtStart = this.#changes;
    const done = this.#runCollector()
      .then((collected) => {
        const report = this.#succeeded(collected, started);
        this.#collectedChanges = changesAtStart;
        this.#finish(started, report);
      })
      .catch((error: unknown) => {
        // Whatever the events say: the next read tries again.
        this.#collectedChanges = -1;
        this.#finish(started, this.#failed(error), error);
      });
    this.#running = { startedMs, changesAtStart, done };
    return done;
  }

  /** Runs the collector once, for no longer than the deadline. */
  async #runCollector(): Promise<Collected> {
    const { collector, deadlineMs } = this.#options;
    const abort = new AbortController();
    const { signal } = abort;
    const timer = setTimeout(() => {
      const message = `${this.name} did not answer within ${deadlineMs} ms`;
      abort.abort(new CollectError("TIMEOUT", message, { waitedInVain: true }));
    }, deadlineMs);
    const onClose = () => abort.abort(new CollectError("STOPPING", "the server is stopping"));
    this.#closed.signal.addEventListener("abort", onClose, { once: true });
    if (this.#closed.signal.aborted) {
      onClose();
    }
    try {
      const collected = Promise.resolve().then(() => {
        signal.throwIfAborted();
        return collector.collect({ signal });
      });
      const letGo = (): void => this.#letGo();
      this.#collectorBusy = collected.then(letGo, letGo);
      return await abortable(collected, signal);
    } finally {
      clearTimeout(timer);
      this.#closed.signal.removeEventListener("abort", onClose);
    }
  }

  #letGo(): void {
    this.#collectorBusy = undefined;
    if (this.#isWanted) {
      this.#isWanted = false;
      void this.#collect();
    }
  }

  #succeeded(collected: Collected, collectedAt: NonNullable<SourceReport["collectedAt"]>): SourceReport {
    const repeated = collected === this.#lastCollected;
    this.#lastCollected = collected;
    if (collected.outcome === "no_data") {
      return { ...this.#words(SourceState.NO_DATA, collected), truncated: NOTHING_TRUNCATED, collectedAt };
    }
    const words =
      collected.stale === undefined
        ? this.#words(SourceState.FRESH, collected.warning)
        : this.#words(SourceState.STALE, collected.stale);
    if (repeated && this.#report.metadata) {
      const { metadata, truncated } = this.#report;
      return { ...words, metadata, truncated, collectedAt };
    }
    const { catalogue } = this.#options;
    // A copy, because cleaning changes it, and the collector may keep parts of its own. The library's own clone refuses
    // strings that are not well-formed, which cleaning is there to mend.
    const metadata: Message = create(catalogue.root, structuredClone(collected.metadata));
    const truncated = cleanTree(catalogue, this.name, metadata);
    return { ...words, metadata, truncated, collectedAt };
  }

  #failed(error: unknown): SourceReport {
    const problem =
      error instanceof CollectError
        ? error
        : { reason: "INTERNAL", message: "unexpected error, see the server's log", invalidates: false };
    const { metadata, truncated, collectedAt } = this.#report;
    if (metadata && collectedAt && !problem.invalidates) {
      return { ...this.#words(SourceState.STALE, problem), metadata, truncated, collectedAt };
    }
    return { ...this.#words(SourceState.FAILED, problem), truncated: NOTHING_TRUNCATED };
  }

  #words(
    state: SourceState,
    problem: Problem | undefined,
  ): Pick<SourceReport, "state" | "reason" | "message"> {
    const said = problem ?? (typeof this.#coverage === "object" ? this.#coverage : undefined);
    const message = cleanText(said?.message ?? "", METADATA_LIMITS.valueBytes).text;
    return { state, reason: said?.reason ?? "", message };
  }

  #finish(started: { readonly monotonicMs: number }, report: SourceReport, error?: unknown): void {
    this.#running = undefined;
    if (this.#closed.signal.aborted) {
      return;
    }
    const { clock, catalogue, observer } = this.#options;
    const before = this.#report;
    this.#waitedInVain = error instanceof CollectError && error.waitedInVain;
    this.#report = { ...report, collectionMs: Math.max(0, clock.monotonicMs() - started.monotonicMs) };
    observer?.collected?.(this.name, this.#report, report.reason === "INTERNAL" ? error : undefined);
    if (!sameContribution(catalogue, before, report)) {
      this.#version += 1;
      this.#listener.changed();
    }
  }
}

/**
 * Whether two reports lead to the same entries, state and reason: age and durations do not count, and the message only
 * where entries carry it as their error.
 */
function sameContribution(catalogue: Catalogue, a: SourceReport, b: SourceReport): boolean {
  return (
    a.state === b.state &&
    a.reason === b.reason &&
    (a.message === b.message || (a.state !== SourceState.STALE && a.state !== SourceState.FAILED)) &&
    a.truncated.size === b.truncated.size &&
    [...a.truncated].every((key) => b.truncated.has(key)) &&
    (a.metadata === b.metadata ||
      (a.metadata !== undefined &&
        b.metadata !== undefined &&
        equals(catalogue.root, a.metadata, b.metadata)))
  );
}
