// What a source is to the service, whatever kind of collector it schedules.

import type { Problem } from "../collectors/collector.ts";
import type { RateLimit } from "../collectors/remote-collector.ts";
import type { SourceReport } from "./source-report.ts";

/** One source of metadata. `start` it to be ready for the first read; `close` it at the end. */
export interface MetadataSource {
  readonly name: string;
  /** How it is doing now. */
  readonly report: SourceReport;
  /** Milliseconds since what is known was collected, never negative. Absent when nothing ever was. */
  readonly ageMs: number | undefined;
  /** See `SourceStatus.next_collection_at`, in milliseconds since 1970. */
  readonly nextCollectionMs?: number | undefined;
  /** See `SourceStatus.rate_limit`. */
  readonly rateLimit?: RateLimit | undefined;
  start(): void;
  /** Ends everything that runs. Reads that wait are let go. Takes 1 s at most. */
  close(): Promise<void>;
  /**
   * Waits until what is known is as current as a read may demand; undefined when there is nothing to wait for. Never rejects.
   *
   * @param maxAgeMs see `GetMetadataRequest.max_age`.
   * @param cause see {@link SourceObserver.began}.
   */
  current(maxAgeMs?: number, cause?: object): Promise<void> | undefined;
}

/** A source that is kept current while somebody watches it. */
export interface Watchable {
  /** Somebody watches. */
  begin(): void;
  /** Somebody watches no more. */
  end(): void;
}

/** One collection, for traces. Must not throw. */
export interface CollectionTrace {
  /** Does what the collection consists of. @returns what that returns. */
  run<T>(work: () => T): T;
  /** Something else waits for it, too. @param cause see {@link SourceObserver.began}. */
  share(cause: object): void;
  /** It has ended, and this is how the source is doing now. @param failure the reason when it failed. */
  end(report: SourceReport, failure?: string): void;
}

/** Hears what a source does, for log, metrics and traces. Must not throw. */
export interface SourceObserver {
  /**
   * A collection begins. `cause`: what called for it, as {@link MetadataSource.current} was given it; absent when a timer, an event or
   * somebody who watches did.
   */
  began?(source: string, cause?: object): CollectionTrace;
  /** A collection that nobody gave up has ended, after so many milliseconds. `failure`: the reason when it failed. */
  ended?(source: string, durationMs: number, failure?: string): void;
  /** A collection ended. `error` is present when it was a defect (reason INTERNAL): it is not served to anybody. */
  collected?(source: string, report: SourceReport, error?: unknown): void;
  /** Events began or ceased to tell of every change. */
  coverage?(source: string, state: "complete" | Problem): void;
}
