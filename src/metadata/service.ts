// All sources as one: reads that wait for what they ask for and nothing else, one revision, subscribers.

import { randomBytes } from "node:crypto";
import type { Collector } from "../collectors/collector.ts";
import type { RateLimit, RemoteCollector } from "../collectors/remote-collector.ts";
import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { abortable } from "./abortable.ts";
import { type Catalogue, createCatalogue } from "./catalogue.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "./clock.ts";
import { METADATA_LIMITS, type MetadataLimits } from "./limits.ts";
import type { MetadataSource, SourceObserver, Watchable } from "./metadata-source.ts";
import { Refresher } from "./refresher.ts";
import { RemoteSource, type RemoteSourceOptions } from "./remote-source.ts";
import type { Selection } from "./selection.ts";
import { createSnapshot, type Snapshot } from "./snapshot.ts";
import { Source, type SourceListener } from "./source.ts";
import type { SourceReport } from "./source-report.ts";

/** One collector and how it is to be scheduled. */
export interface ScheduledCollector {
  readonly collector: Collector;
  /** See {@link SourceOptions.deadlineMs}. */
  readonly deadlineMs: number;
}

/** One remote collector and how it is to be scheduled. */
export interface ScheduledRemoteCollector {
  readonly remote: RemoteCollector;
  /** Name of the source whose checkout it follows. */
  readonly follows: string;
  /** How long one refresh may take, in milliseconds. */
  readonly deadlineMs: number;
}

/** What a metadata service is made of. */
export interface MetadataServiceOptions {
  /** At most one for each source that the catalogue names. A source without a collector is disabled. */
  readonly collectors: readonly (ScheduledCollector | ScheduledRemoteCollector)[];
  /** Whether collectors' events are followed. Default true. */
  readonly watch?: boolean;
  readonly catalogue?: Catalogue;
  readonly clock?: Clock;
  /** What remote sources are woken by. */
  readonly timers?: Timers;
  /** See {@link RemoteSourceOptions.firstWaitMs}. */
  readonly firstWaitMs?: number;
  readonly limits?: MetadataLimits;
  readonly observer?: SourceObserver;
}

/** What a read asks for. */
export interface ReadOptions {
  /** Only the sources of these keys are waited for. */
  readonly selection: Selection;
  /** See `GetMetadataRequest.max_age`, in milliseconds. */
  readonly maxAgeMs?: number;
  /** Ends this caller's wait, not the collection that others share. */
  readonly signal?: AbortSignal;
  /** What asks, for traces: see {@link SourceObserver.began}. */
  readonly cause?: object | undefined;
}

/** How one source is doing, as it stands in an answer. */
export interface SourceView {
  readonly report: SourceReport;
  /** See `SourceStatus.age`, in milliseconds. */
  readonly ageMs: number | undefined;
  /** See `SourceStatus.next_collection_at`, in milliseconds since 1970. */
  readonly nextCollectionMs: number | undefined;
  /** See `SourceStatus.rate_limit`. */
  readonly rateLimit: RateLimit | undefined;
}

const DISABLED: SourceReport = {
  state: SourceState.DISABLED,
  reason: "NOT_COLLECTED",
  message: "this server does not collect it",
  truncated: new Set(),
};

const NO_SOURCES: ReadonlySet<string> = new Set();

/** The metadata of one workspace. `start` it to follow events and to be ready for the first read; `close` it at the end. */
export class MetadataService {
  readonly catalogue: Catalogue;
  /** Each behind the one that it follows. */
  readonly #sources: readonly MetadataSource[];
  /** By the source's name. */
  readonly #watchables: ReadonlyMap<string, Watchable>;
  readonly #refreshers: readonly Refresher[];
  /** Which source follows which, by name. */
  readonly #follows: ReadonlyMap<string, string>;
  readonly #limits: MetadataLimits;
  /** Differs between two runs, so that a revision never repeats. */
  readonly #run = randomBytes(6).toString("base64url");
  readonly #subscribers = new Set<() => void>();
  #changes = 0;
  #snapshot: Snapshot | undefined;

  /**
   * @throws {Error} when two collectors have the same source, one has a source that the catalogue does not name, or one
   * follows a source that no local collector has.
   */
  constructor(options: MetadataServiceOptions) {
    this.catalogue = options.catalogue ?? createCatalogue();
    this.#limits = options.limits ?? METADATA_LIMITS;
    checkNames(this.catalogue, options.collectors);
    const scheduled = options.collectors;
    const refreshers = new Map<string, Refresher>();
    const followers: { readonly source: RemoteSource; readonly follows: string }[] = [];
    const local = scheduled
      .filter((one) => "collector" in one)
      .map((one) => {
        const source: Source = this.#createSource(one, options, {
          // Those that follow take over what was found before anybody can see it.
          reported: (isNews) => {
            refreshers.get(source.name)?.reported();
            const news = followers
              .filter(({ follows }) => follows === source.name)
              .map((follower) => follower.source.follow());
            if (isNews || news.includes(true)) {
              this.#changed();
            }
          },
          invalidated: () => refreshers.get(source.name)?.invalidate(),
        });
        refreshers.set(source.name, new Refresher(source));
        return source;
      });
    for (const one of scheduled.filter((candidate) => "remote" in candidate)) {
      const followed = local.find(({ name }) => name === one.follows);
      if (followed === undefined) {
        throw new Error(`"${one.remote.source}" follows "${one.follows}", which has no collector`);
      }
      followers.push({ source: this.#createRemoteSource(one, followed, options), follows: followed.name });
    }
    const remote = followers.map(({ source }) => source);
    this.#sources = [...local, ...remote];
    this.#refreshers = [...refreshers.values()];
    this.#watchables = new Map<string, Watchable>([
      ...refreshers,
      ...remote.map((source) => [source.name, source] as const),
    ]);
    this.#follows = new Map(followers.map(({ source, follows }) => [source.name, follows]));
  }

  /** Begins to collect and to follow events, without waiting for it. */
  start(): void {
    for (const source of this.#sources) {
      source.start();
    }
  }

  /** Ends all collecting. Reads are served from what is known. */
  async close(): Promise<void> {
    for (const refresher of this.#refreshers) {
      refresher.close();
    }
    await Promise.all(this.#sources.map((source) => source.close()));
    this.#subscribers.clear();
  }

  /**
   * Waits until the sources that are asked for, and those that they follow, are current; then {@link snapshot} and
   * {@link sources} tell what is known. One source that fails or hangs costs only itself: never rejects but with the reason of an
   * aborted `signal`.
   */
  async read({ selection, maxAgeMs, signal, cause }: ReadOptions): Promise<void> {
    const waits = this.#waits(selection, maxAgeMs, cause);
    if (waits.length > 0) {
      await abortable(Promise.all(waits), signal);
    }
  }

  /** A read that does not wait. @returns false when it has to: then all is begun that a {@link read} waits for. */
  readAtOnce(selection: Selection, cause?: object): boolean {
    return this.#waits(selection, undefined, cause).length === 0;
  }

  /** The state of all metadata as far as it is known now. */
  get snapshot(): Snapshot {
    this.#snapshot ??= createSnapshot(
      this.catalogue,
      new Map(this.#sources.map(({ name, report }) => [name, report])),
      `${this.#run}.${this.#changes}`,
      this.#limits,
    );
    return this.#snapshot;
  }

  /** How the sources are doing now, by name, in the order of the catalogue. */
  sources(): ReadonlyMap<string, SourceView> {
    const views = new Map<string, SourceView>();
    for (const name of this.catalogue.bySource.keys()) {
      const source = this.#sources.find((candidate) => candidate.name === name);
      views.set(name, {
        report: source?.report ?? DISABLED,
        ageMs: source?.ageMs,
        nextCollectionMs: source?.nextCollectionMs,
        rateLimit: source?.rateLimit,
      });
    }
    return views;
  }

  /**
   * Calls `listener` after every change of the snapshot, until the returned function is called. Meanwhile these sources, and
   * those that they follow, are kept current, for all subscribers together: without them, nothing is collected unless somebody
   * reads.
   */
  subscribe(listener: () => void, sources: ReadonlySet<string> = NO_SOURCES): () => void {
    const subscriber = (): void => listener();
    const kept = this.#withFollowed(sources);
    const watchables = [...this.#watchables]
      .filter(([name]) => kept.has(name))
      .map(([, watchable]) => watchable);
    this.#subscribers.add(subscriber);
    for (const watchable of watchables) {
      watchable.begin();
    }
    return () => {
      if (!this.#subscribers.delete(subscriber)) {
        return;
      }
      for (const watchable of watchables) {
        watchable.end();
      }
    };
  }

  /** What has to happen before the selection is current. None of it rejects. */
  #waits(
    { sources }: Selection,
    maxAgeMs: number | undefined,
    cause: object | undefined,
  ): readonly Promise<void>[] {
    const wanted = this.#withFollowed(sources);
    const waits = new Map<string, Promise<void>>();
    for (const source of this.#sources) {
      if (wanted.has(source.name)) {
        const before = waits.get(this.#follows.get(source.name) ?? "");
        const wait =
          before === undefined
            ? source.current(maxAgeMs, cause)
            : before.then(() => source.current(maxAgeMs, cause));
        if (wait) {
          waits.set(source.name, wait);
        }
      }
    }
    return [...waits.values()];
  }

  #changed(): void {
    this.#changes += 1;
    this.#snapshot = undefined;
    for (const subscriber of this.#subscribers) {
      subscriber();
    }
  }

  #withFollowed(sources: ReadonlySet<string>): ReadonlySet<string> {
    const followed = [...this.#follows].filter(([name]) => sources.has(name)).map(([, follows]) => follows);
    return followed.length === 0 ? sources : new Set([...sources, ...followed]);
  }

  #createSource(
    { collector, deadlineMs }: ScheduledCollector,
    { watch = true, clock = systemClock, observer }: MetadataServiceOptions,
    listener: SourceListener,
  ): Source {
    const { catalogue } = this;
    return new Source(
      { collector, catalogue, deadlineMs, watch, clock, ...(observer && { observer }) },
      listener,
    );
  }

  #createRemoteSource(
    { remote, deadlineMs }: ScheduledRemoteCollector,
    followed: Source,
    { clock = systemClock, timers = systemTimers, firstWaitMs, observer }: MetadataServiceOptions,
  ): RemoteSource {
    const { catalogue } = this;
    const options = {
      ...{ collector: remote, followed, catalogue, deadlineMs, clock, timers },
      ...(firstWaitMs !== undefined && { firstWaitMs }),
      ...(observer && { observer }),
    };
    return new RemoteSource(options, () => this.#changed());
  }
}

function checkNames(catalogue: Catalogue, scheduled: MetadataServiceOptions["collectors"]): void {
  const names = scheduled.map((one) => ("remote" in one ? one.remote.source : one.collector.source));
  for (const [index, name] of names.entries()) {
    if (!catalogue.bySource.has(name)) {
      throw new Error(`no key comes from a source named "${name}"`);
    }
    if (names.indexOf(name) !== index) {
      throw new Error(`two collectors for the source "${name}"`);
    }
  }
}
