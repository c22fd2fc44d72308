// All sources as one: reads that wait for what they ask for and nothing else, one revision, subscribers.

import { randomBytes } from "node:crypto";
import type { Collector } from "../collectors/collector.ts";
import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { abortable } from "./abortable.ts";
import { type Catalogue, createCatalogue } from "./catalogue.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Keeper } from "./keeper.ts";
import { METADATA_LIMITS, type MetadataLimits } from "./limits.ts";
import type { Selection } from "./selection.ts";
import { createSnapshot, type Snapshot } from "./snapshot.ts";
import { Source, type SourceObserver, type SourceReport } from "./source.ts";

/** One collector and how it is to be scheduled. */
export interface ScheduledCollector {
  readonly collector: Collector;
  /** See {@link SourceOptions.deadlineMs}. */
  readonly deadlineMs: number;
}

/** What a metadata service is made of. */
export interface MetadataServiceOptions {
  /** At most one for each source that the catalogue names. A source without a collector is disabled. */
  readonly collectors: readonly ScheduledCollector[];
  /** Whether collectors' events are followed. Default true. */
  readonly watch?: boolean;
  readonly catalogue?: Catalogue;
  readonly clock?: Clock;
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
}

/** How one source is doing, as it stands in an answer. */
export interface SourceView {
  readonly report: SourceReport;
  /** See `SourceStatus.age`, in milliseconds. */
  readonly ageMs: number | undefined;
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
  readonly #sources: readonly Source[];
  /** By the source's name. */
  readonly #keepers = new Map<string, Keeper>();
  readonly #limits: MetadataLimits;
  /** Differs between two runs, so that a revision never repeats. */
  readonly #run = randomBytes(6).toString("base64url");
  readonly #subscribers = new Set<() => void>();
  #changes = 0;
  #snapshot: Snapshot | undefined;

  /** @throws {Error} when two collectors have the same source, or one has a source that the catalogue does not name. */
  constructor(options: MetadataServiceOptions) {
    const { collectors, watch = true, clock = systemClock, observer } = options;
    this.catalogue = options.catalogue ?? createCatalogue();
    this.#limits = options.limits ?? METADATA_LIMITS;
    this.#sources = collectors.map(({ collector, deadlineMs }, index) => {
      if (!this.catalogue.bySource.has(collector.source)) {
        throw new Error(`no key comes from a source named "${collector.source}"`);
      }
      if (collectors.findIndex((other) => other.collector.source === collector.source) !== index) {
        throw new Error(`two collectors for the source "${collector.source}"`);
      }
      const scheduling = { collector, catalogue: this.catalogue, deadlineMs, watch, clock };
      const source: Source = new Source(observer ? { ...scheduling, observer } : scheduling, {
        changed: () => this.#changed(),
        stirred: () => this.#keepers.get(source.name)?.stir(),
      });
      this.#keepers.set(source.name, new Keeper(source));
      return source;
    });
  }

  /** Begins to collect and to follow events, without waiting for it. */
  start(): void {
    for (const source of this.#sources) {
      source.start();
    }
  }

  /** Ends all collecting. Reads are served from what is known. */
  async close(): Promise<void> {
    for (const keeper of this.#keepers.values()) {
      keeper.close();
    }
    await Promise.all(this.#sources.map((source) => source.close()));
    this.#subscribers.clear();
  }

  /**
   * Waits until the sources that are asked for are current; then {@link snapshot} and {@link sources} tell what is known. One
   * source that fails or hangs costs only itself: never rejects but with the reason of an aborted `signal`.
   */
  async read({ selection, maxAgeMs, signal }: ReadOptions): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const source of this.#sources) {
      const wait = selection.sources.has(source.name) ? source.current(maxAgeMs) : undefined;
      if (wait) {
        waits.push(wait);
      }
    }
    if (waits.length > 0) {
      await abortable(Promise.all(waits), signal);
    }
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
      views.set(name, { report: source?.report ?? DISABLED, ageMs: source?.ageMs });
    }
    return views;
  }

  /**
   * Calls `listener` after every change of the snapshot, until the returned function is called. Meanwhile these sources are
   * kept current, for all subscribers together: without them, nothing is collected unless somebody reads.
   */
  subscribe(listener: () => void, sources: ReadonlySet<string> = NO_SOURCES): () => void {
    const subscriber = (): void => listener();
    const keepers = [...this.#keepers].filter(([name]) => sources.has(name)).map(([, keeper]) => keeper);
    this.#subscribers.add(subscriber);
    for (const keeper of keepers) {
      keeper.begin();
    }
    return () => {
      if (!this.#subscribers.delete(subscriber)) {
        return;
      }
      for (const keeper of keepers) {
        keeper.end();
      }
    };
  }

  #changed(): void {
    this.#changes += 1;
    this.#snapshot = undefined;
    for (const subscriber of this.#subscribers) {
      subscriber();
    }
  }
}
