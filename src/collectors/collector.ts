// The interface between what is collected and what schedules it. A collector knows its subject and nothing of
// time, deadlines, retries, logging or clients; the source around it (metadata/source.ts) owns those.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WorkspaceMetadataSchema } from "../gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import type { Checkout } from "./checkout.ts";

/** Something to say about a source, once for programs and once for a person. */
export interface Problem {
  /** UPPER_SNAKE_CASE, for example `NOT_A_REPOSITORY`. Part of the contract: never renamed. */
  readonly reason: string;
  /** One sentence. May hold text from the workspace: it is cleaned before it is served. */
  readonly message: string;
}

/** What one collection found. "Nothing there" is an outcome; "could not find out" is a {@link CollectError}. */
export type Collected =
  | {
      readonly outcome: "data";
      /** The metadata tree with only this source's leaves filled in. Strings may be raw: cleaning and limits come later. */
      readonly metadata: MessageInitShape<typeof WorkspaceMetadataSchema>;
      /** Said beside the values, for example that weaker evidence was used. */
      readonly warning?: Problem;
      /** For the sources that follow this one. The same object as long as it says the same. */
      readonly checkout?: Checkout;
      /** Why the values no longer say how things are now, where that is so: the source is stale then. */
      readonly stale?: Problem;
      readonly holdsMs?: HoldsMs;
    }
  | ({ readonly outcome: "no_data"; readonly holdsMs?: HoldsMs } & Problem);

/**
 * How long an outcome counts as current although events tell of every change, in milliseconds: it also rests on what no
 * event tells of. Absent: until the next event.
 */
type HoldsMs = number;

/** What a collector is given for one collection. */
export interface CollectContext {
  /** Aborted at the deadline and when the server stops. Must reach every child process, request and timer. */
  readonly signal: AbortSignal;
}

/** Where a collector reports what its events say. */
export interface WatchListener {
  /** Something has changed, or may have: what was collected before is not current any more. Cheap, may be called often. */
  changed(): void;
  /**
   * Whether events tell of every change from now on. Until it is told `complete`, and after `incomplete`, every
   * read collects anew. `incomplete` carries why, which is said beside the values.
   */
  coverage(state: "complete" | Problem): void;
}

/** One place that metadata comes from. */
export interface Collector {
  /** Name of the source, as the option `source` in the proto files has it. */
  readonly source: string;
  /**
   * Finds out the state now. Called at most once at a time.
   *
   * @throws {CollectError} when the state cannot be found out. Any other error is a defect and is served as
   * reason `INTERNAL`, without its text.
   */
  collect(context: CollectContext): Promise<Collected>;
  /**
   * How long what was found counts as current where no event tells of changes, in milliseconds: for facts that hardly ever
   * change. Default 0: every read collects anew.
   */
  readonly periodMs?: number;
  /**
   * Follows changes by events until `signal` is aborted; then nothing may be left: no watcher, no timer. Absent: there
   * are no events, every read collects anew. Must not throw.
   */
  watch?(listener: WatchListener, signal: AbortSignal): void;
}

/** How a {@link CollectError} differs from an ordinary one. */
export interface CollectErrorOptions extends ErrorOptions {
  /**
   * True when what was collected before is known not to hold any more (the repository is gone), so that it must not be
   * served as the last good state. Default false.
   */
  readonly invalidates?: boolean;
  /**
   * True when the collection took its time because it waited for something that did not come, so that reads should not wait
   * for the next one, which is tried in the background. Default false.
   */
  readonly waitedInVain?: boolean;
}

/** The state could not be found out, and why. */
export class CollectError extends Error implements Problem {
  override readonly name = "CollectError";
  readonly reason: string;
  readonly invalidates: boolean;
  readonly waitedInVain: boolean;

  constructor(reason: string, message: string, options: CollectErrorOptions = {}) {
    super(message, options);
    this.reason = reason;
    this.invalidates = options.invalidates ?? false;
    this.waitedInVain = options.waitedInVain ?? false;
  }
}
