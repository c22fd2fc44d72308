// Schedules one remote collector: when it asks, for how long, and what is shown of what it knows. Follows the checkout that
// a local source found, so that both are always about the same branch. No read waits for the network, but for the very
// first collection.

import type { Checkout } from "../collectors/checkout.ts";
import { CollectError } from "../collectors/collector.ts";
import type { RateLimit, RemoteCollector } from "../collectors/remote-collector.ts";
import { abortable } from "./abortable.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Clock, Timers } from "./clock.ts";
import { FirstWait } from "./first-wait.ts";
import { REMOTE_LIMITS } from "./limits.ts";
import type { CollectionTrace, MetadataSource, SourceObserver, Watchable } from "./metadata-source.ts";
import { Preparation } from "./preparation.ts";
import { RemoteReports } from "./remote-report.ts";
import { type Failed, failureOf, PENDING, type SourceReport, sameContribution } from "./source-report.ts";
import { subjectOf } from "./subject.ts";
import { type Supervised, supervise } from "./supervise.ts";

/** What a remote source is made of. */
export interface RemoteSourceOptions {
  readonly collector: RemoteCollector;
  /** The source whose checkout decides what it is about. */
  readonly followed: { readonly name: string; readonly report: SourceReport };
  readonly catalogue: Catalogue;
  /** A refresh that takes longer, in milliseconds, is aborted and has failed with reason TIMEOUT. */
  readonly deadlineMs: number;
  /** How long reads wait for the very first collection. Default {@link REMOTE_LIMITS.firstWaitMs}. */
  readonly firstWaitMs?: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer?: SourceObserver;
}

/** The checkout that is followed, and what it is about as far as the repository tells. */
interface Followed {
  readonly checkout: Checkout;
  readonly subject: string;
}

/** A refresh that runs. */
interface Running extends Supervised<void> {
  readonly abort: AbortController;
  readonly trace: CollectionTrace | undefined;
}

/** Why a refresh is given up. What it found out by then is kept for the way back. */
const SUPERSEDED = new CollectError("SUPERSEDED", "another branch is checked out");

/** One source of metadata over the network. `start` it to hear what its collector tells; `close` it at the end. */
export class RemoteSource implements MetadataSource, Watchable {
  readonly name: string;
  readonly #options: RemoteSourceOptions;
  readonly #onNews: () => void;
  readonly #closed = new AbortController();
  readonly #reports: RemoteReports;
  readonly #first: FirstWait;
  #report = PENDING;
  #followed: Followed | undefined;
  #refresh: Running | undefined;
  /** How the last refresh of the current subject failed. */
  #refreshFailed: Failed | undefined;
  readonly #preparation: Preparation;
  #collectionMs: number | undefined;
  #watchers = 0;
  #usedUntilMs = Number.NEGATIVE_INFINITY;
  /** No refresh begins before. */
  #earliestMs = Number.NEGATIVE_INFINITY;
  #stopTimer: (() => void) | undefined;

  /** @param onNews called when what it contributes to an answer has changed other than by {@link follow}. */
  constructor(options: RemoteSourceOptions, onNews: () => void) {
    this.name = options.collector.source;
    this.#options = options;
    this.#onNews = onNews;
    this.#reports = new RemoteReports(options);
    this.#preparation = new Preparation(options, () => this.#prepared());
    this.#first = new FirstWait(options.firstWaitMs ?? REMOTE_LIMITS.firstWaitMs, options.timers);
  }

  get report(): SourceReport {
    return this.#report;
  }

  get ageMs(): number | undefined {
    const { collectedAt } = this.#report;
    return collectedAt && Math.max(0, this.#options.clock.monotonicMs() - collectedAt.monotonicMs);
  }

  /** Absent while nobody uses it: then the next read decides. */
  get nextCollectionMs(): number | undefined {
    const { clock } = this.#options;
    const dueMs = this.#isInUse ? this.#dueMs() : undefined;
    return dueMs === undefined ? undefined : clock.wallMs() + Math.max(0, dueMs - clock.monotonicMs());
  }

  get rateLimit(): RateLimit | undefined {
    return this.#options.collector.rateLimit;
  }

  /** Asks nothing yet: a fleet that starts spends nothing before somebody is interested. */
  start(): void {
    this.#options.collector.watch?.(() => {
      // What failed may succeed now, for example with another token.
      this.#earliestMs = Number.NEGATIVE_INFINITY;
      this.#renew();
    }, this.#closed.signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#stopTimer?.();
    this.#first.end();
    const stopping = new CollectError("STOPPING", "the server is stopping");
    const refresh = this.#refresh;
    refresh?.abort.abort(stopping);
    const letGo = refresh && abortable(refresh.letGo, AbortSignal.timeout(1_000)).catch(() => undefined);
    await Promise.all([letGo, this.#preparation.close(stopping)]);
  }

  /**
   * Takes over what the followed source has just found, at once, so that what both show is about the same branch.
   *
   * @returns whether that changed what this source contributes to an answer.
   */
  follow(): boolean {
    if (this.#closed.signal.aborted) {
      return false;
    }
    const { checkout } = this.#options.followed.report;
    if (checkout !== this.#followed?.checkout) {
      const followed = checkout && { checkout, subject: subjectOf(checkout) };
      this.#earliestMs = Number.NEGATIVE_INFINITY;
      if (followed?.subject !== this.#followed?.subject) {
        this.#refreshFailed = undefined;
        this.#refresh?.abort.abort(SUPERSEDED);
      }
      this.#followed = followed;
      this.#preparation.start(checkout);
    }
    const isNews = this.#update();
    this.#schedule();
    return isNews;
  }

  /**
   * Counts as use: what is due is asked for. Waits for local questions and, for a time, for the very first collection; what
   * is known is as of the followed source, which is to be current already. The remote is not hurried, however young the
   * caller wants it.
   *
   * @param cause see {@link SourceObserver.began}.
   */
  current(_maxAgeMs?: number, cause?: object): Promise<void> | undefined {
    if (this.#closed.signal.aborted) {
      return undefined;
    }
    const before = this.#refresh;
    this.#use(cause);
    this.#preparation.retry();
    const isForNothing = !this.#first.isOn && this.#preparation.wait === undefined;
    if (isForNothing) {
      return undefined;
    }
    if (cause !== undefined) {
      before?.trace?.share(cause);
    }
    return this.#known();
  }

  begin(): void {
    this.#watchers += 1;
    this.#schedule();
  }

  end(): void {
    this.#watchers -= 1;
    this.#use();
  }

  async #known(): Promise<void> {
    await this.#first.wait;
    await this.#preparation.wait;
  }

  get #isInUse(): boolean {
    return this.#watchers > 0 || this.#options.clock.monotonicMs() < this.#usedUntilMs;
  }

  #use(cause?: object): void {
    this.#usedUntilMs = this.#options.clock.monotonicMs() + REMOTE_LIMITS.useMs;
    this.#schedule(cause);
  }

  /** When the current checkout is to be asked about, on the monotonic clock. Absent when there is nothing to ask. */
  #dueMs(): number | undefined {
    if (this.#followed === undefined) {
      return undefined;
    }
    try {
      const dueMs = this.#options.collector.dueAtMs(this.#followed.checkout);
      const isNever = dueMs === undefined || dueMs === Number.POSITIVE_INFINITY;
      return isNever ? undefined : Math.max(dueMs, this.#earliestMs);
    } catch (defect) {
      // What follows from it costs this source its renewal, and no other source anything.
      this.#tell(failureOf(defect));
      return undefined;
    }
  }

  /** Begins what is due, or sets the one timer for when it will be, if somebody will still be there. */
  #schedule(cause?: object): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#closed.signal.aborted || this.#refresh !== undefined || !this.#isInUse) {
      return;
    }
    const followed = this.#followed;
    const dueMs = this.#dueMs();
    if (followed === undefined || dueMs === undefined) {
      return;
    }
    const { clock, timers } = this.#options;
    const inMs = dueMs - clock.monotonicMs();
    if (inMs <= 0) {
      void this.#runRefresh(followed, cause);
    } else if (this.#watchers > 0 || dueMs < this.#usedUntilMs) {
      this.#stopTimer = timers.start(Math.min(inMs, REMOTE_LIMITS.timerMs), () => this.#schedule());
    }
  }

  async #runRefresh({ checkout }: Followed, cause: object | undefined): Promise<void> {
    const { collector, clock, timers, deadlineMs, observer } = this.#options;
    const startedMs = clock.monotonicMs();
    const trace = observer?.began?.(this.name, cause);
    const abort = new AbortController();
    const { signal } = abort;
    const work = Promise.resolve().then(() => {
      signal.throwIfAborted();
      const refresh = (): Promise<void> => collector.refresh(checkout, { signal });
      return trace === undefined ? refresh() : trace.run(refresh);
    });
    const running = { abort, trace, ...supervise(work, { abort, name: this.name, deadlineMs, timers }) };
    this.#refresh = running;
    this.#first.begin();
    const failed = await running.result.then(() => undefined, failureOf);
    if (!this.#closed.signal.aborted && signal.reason !== SUPERSEDED) {
      const nowMs = clock.monotonicMs();
      this.#refreshFailed = failed;
      this.#collectionMs = Math.max(0, nowMs - startedMs);
      observer?.ended?.(this.name, this.#collectionMs, failed?.problem.reason);
      if (this.#followed?.checkout === checkout) {
        const { pauseMs } = REMOTE_LIMITS;
        this.#earliestMs = nowMs + (failed === undefined ? pauseMs.succeeded : pauseMs.failed);
      }
      this.#renew();
      this.#tell(failed);
      this.#first.end();
    }
    trace?.end(this.#report, failed?.problem.reason);
    await running.letGo;
    this.#refresh = undefined;
    if (!this.#closed.signal.aborted) {
      this.#publish();
      this.#schedule();
    }
  }

  #prepared(): void {
    this.#publish();
    if (this.#preparation.failed !== undefined) {
      this.#tell(this.#preparation.failed);
    }
    this.#schedule();
  }

  /** What the collector knows may be another. */
  #renew(): void {
    if (!this.#closed.signal.aborted) {
      this.#preparation.start(this.#followed?.checkout);
      this.#publish();
      this.#schedule();
    }
  }

  #publish(): void {
    if (this.#update()) {
      this.#onNews();
    }
  }

  /** Makes the report anew. @returns whether what this source contributes to an answer is another. */
  #update(): boolean {
    const before = this.#report;
    const failed = this.#preparation.failed ?? this.#refreshFailed;
    const made = this.#reports.make(this.#followed?.checkout, failed?.problem);
    this.#report = {
      ...made.report,
      ...(this.#collectionMs !== undefined && { collectionMs: this.#collectionMs }),
    };
    const isNews = !sameContribution(this.#options.catalogue, before, this.#report);
    if (isNews && made.defect !== undefined) {
      this.#options.observer?.collected?.(this.name, this.#report, made.defect);
    }
    return isNews;
  }

  #tell(failed: Failed | undefined): void {
    this.#options.observer?.collected?.(this.name, this.#report, failed?.defect);
  }
}
