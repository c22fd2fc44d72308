// Schedules one collector: when it runs, for how long, and what is known while it does not succeed. Owns deadline,
// single flight, the last good state, and the words for how the source is doing.

import { CollectError, type Collected, type Collector, type Problem } from "../collectors/collector.ts";
import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { abortable } from "./abortable.ts";
import type { Catalogue } from "./catalogue.ts";
import { type Clock, systemTimers } from "./clock.ts";
import type { CollectionTrace, MetadataSource, SourceObserver } from "./metadata-source.ts";
import {
  cleanMetadata,
  inWords,
  NOTHING_TRUNCATED,
  PENDING,
  problemOf,
  type SourceReport,
  sameContribution,
} from "./source-report.ts";
import { supervise } from "./supervise.ts";

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

/** Whom a source tells what happens. Must not throw. */
export interface SourceListener {
  /**
   * A collection has ended, and the report is another one.
   *
   * @param isNews whether that changed what this source contributes to an answer.
   */
  reported(isNews: boolean): void;
  /** An event told that something may have changed, or whether events tell of every change. May be called often. */
  invalidated(): void;
}

interface Collection {
  readonly startedMs: number;
  readonly changesAtStart: number;
  readonly done: Promise<void>;
  readonly trace: CollectionTrace | undefined;
}

/** One local source of metadata. `start` it to follow events and to be ready for the first read. */
export class Source implements MetadataSource {
  readonly name: string;
  readonly #options: SourceOptions;
  readonly #closed = new AbortController();
  readonly #listener: SourceListener;
  #report = PENDING;
  #running: Collection | undefined;
  #next: Promise<void> | undefined;
  /** What waits for that, for traces. Empty where there are none. */
  #nextCauses: object[] = [];
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
  get isFollowed(): boolean {
    return (
      this.#coverage === "complete" &&
      this.#collectedChanges !== -1 &&
      this.#lastCollected?.holdsMs === undefined
    );
  }

  /**
   * How long what is known counts as current without events, in milliseconds from now. 0 when that time is over, and when
   * something calls for a collection.
   */
  get currentForMs(): number {
    return this.#collectedChanges === this.#changes ? Math.max(0, this.#holdsMs - (this.ageMs ?? 0)) : 0;
  }

  /** For how long after its beginning the last collection counts as current, in milliseconds, if no event comes. */
  get #holdsMs(): number {
    return this.#coverage === "complete"
      ? (this.#lastCollected?.holdsMs ?? Number.POSITIVE_INFINITY)
      : (this.#options.collector.periodMs ?? 0);
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
            this.#listener.invalidated();
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
   * @param cause see {@link SourceObserver.began}.
   */
  current(maxAgeMs?: number, cause?: object): Promise<void> | undefined {
    if (this.#closed.signal.aborted) {
      return undefined;
    }
    const collection = this.#currentCollection(maxAgeMs, cause);
    return this.#waitedInVain ? undefined : collection;
  }

  #currentCollection(maxAgeMs: number | undefined, cause: object | undefined): Promise<void> | undefined {
    const now = this.#options.clock.monotonicMs();
    const holdsMs = this.#holdsMs;
    const oldestMs = maxAgeMs === undefined ? undefined : now - maxAgeMs;
    const isCurrent = ({ startedMs, changesAtStart }: Omit<Collection, "done" | "trace">): boolean =>
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
    if (this.#running === undefined && this.#next === undefined) {
      return this.#collect(cause);
    }
    if (this.#running !== undefined && isCurrent(this.#running)) {
      if (cause !== undefined) {
        this.#running.trace?.share(cause);
      }
      return this.#running.done;
    }
    if (cause !== undefined) {
      this.#nextCauses.push(cause);
    }
    this.#next ??= this.#running?.done.then(() => {
      const causes = this.#nextCauses;
      this.#next = undefined;
      this.#nextCauses = [];
      return this.#collect(...causes);
    });
    return this.#next;
  }

  #covered(state: "complete" | Problem): void {
    this.#coverage = state;
    this.#changes += 1;
    this.#options.observer?.coverage?.(this.name, state);
    this.#listener.invalidated();
  }

  /**
   * Begins a collection. While the collector has not let go of one that exceeded its deadline, there is nothing to wait for:
   * the next one begins as soon as it has.
   *
   * @param cause see {@link SourceObserver.began}. @param others what waits for it, too.
   */
  #collect(cause?: object, ...others: object[]): Promise<void> {
    if (this.#collectorBusy !== undefined) {
      this.#isWanted = true;
      return Promise.resolve();
    }
    const { clock, observer } = this.#options;
    const startedMs = clock.monotonicMs();
    const started = { wallMs: clock.wallMs(), monotonicMs: startedMs };
    const changesAtStart = this.#changes;
    const trace = observer?.began?.(this.name, cause);
    for (const other of others) {
      trace?.share(other);
    }
    const done = this.#runCollector(trace)
      .then((collected) => {
        const report = this.#succeeded(collected, started);
        this.#collectedChanges = changesAtStart;
        this.#finish(started, trace, report);
      })
      .catch((error: unknown) => {
        // Whatever the events say: the next read tries again.
        this.#collectedChanges = -1;
        this.#finish(started, trace, this.#failed(error), error);
      });
    this.#running = { startedMs, changesAtStart, done, trace };
    return done;
  }

  /** Runs the collector once, for no longer than the deadline. */
  async #runCollector(trace: CollectionTrace | undefined): Promise<Collected> {
    const { collector, deadlineMs } = this.#options;
    const abort = new AbortController();
    const { signal } = abort;
    const onClose = () => abort.abort(new CollectError("STOPPING", "the server is stopping"));
    this.#closed.signal.addEventListener("abort", onClose, { once: true });
    if (this.#closed.signal.aborted) {
      onClose();
    }
    const collected = Promise.resolve().then(() => {
      signal.throwIfAborted();
      const collect = (): Promise<Collected> => collector.collect({ signal });
      return trace === undefined ? collect() : trace.run(collect);
    });
    const run = supervise(collected, { abort, name: this.name, deadlineMs, timers: systemTimers });
    this.#collectorBusy = run.letGo.then(() => this.#letGo());
    try {
      return await run.result;
    } finally {
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
    const { checkout, warning, stale } = collected;
    const words =
      stale === undefined ? this.#words(SourceState.FRESH, warning) : this.#words(SourceState.STALE, stale);
    if (repeated && this.#report.metadata) {
      return { ...this.#report, ...words, collectedAt };
    }
    const cleaned = cleanMetadata(this.#options.catalogue, this.name, collected.metadata);
    return { ...words, ...cleaned, ...(checkout && { checkout }), collectedAt };
  }

  #failed(error: unknown): SourceReport {
    const problem = problemOf(error);
    const { metadata, collectedAt } = this.#report;
    if (metadata && collectedAt && !problem.invalidates) {
      return { ...this.#report, ...this.#words(SourceState.STALE, problem) };
    }
    return { ...this.#words(SourceState.FAILED, problem), truncated: NOTHING_TRUNCATED };
  }

  #words(
    state: SourceState,
    problem: Problem | undefined,
  ): Pick<SourceReport, "state" | "reason" | "message"> {
    return inWords(state, problem ?? (typeof this.#coverage === "object" ? this.#coverage : undefined));
  }

  #finish(
    started: { readonly monotonicMs: number },
    trace: CollectionTrace | undefined,
    report: SourceReport,
    error?: unknown,
  ): void {
    this.#running = undefined;
    const failure = error === undefined ? undefined : problemOf(error).reason;
    trace?.end(report, failure);
    if (this.#closed.signal.aborted) {
      return;
    }
    const { clock, catalogue, observer } = this.#options;
    const before = this.#report;
    this.#waitedInVain = error instanceof CollectError && error.waitedInVain;
    const collectionMs = Math.max(0, clock.monotonicMs() - started.monotonicMs);
    this.#report = { ...report, collectionMs };
    observer?.ended?.(this.name, collectionMs, failure);
    observer?.collected?.(this.name, this.#report, report.reason === "INTERNAL" ? error : undefined);
    const isNews = !sameContribution(catalogue, before, report);
    if (isNews) {
      this.#version += 1;
    }
    this.#listener.reported(isNews);
  }
}
