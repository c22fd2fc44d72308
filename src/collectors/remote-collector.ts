// The interface of what is collected over the network, and follows the checkout that another source found. Reads never wait
// for it: what is known is kept by the collector, and the source around it (metadata/remote-source.ts) decides when
// to ask again, by what the collector says of it.

import type { Checkout } from "./checkout.ts";
import type { CollectContext, Collected, Problem } from "./collector.ts";

/** What is known of one checkout. */
export type Known = Collected & {
  /** When it was last confirmed by the remote. Absent where no remote was needed to know it. */
  readonly confirmedAt?: { readonly wallMs: number; readonly monotonicMs: number };
};

/** How the remote's budget stood when it last answered. */
export interface RateLimit {
  /** Requests that cost something, in one window. */
  readonly limit: number;
  readonly remaining: number;
  /** When the window ends, in milliseconds since 1970. */
  readonly resetMs: number;
}

/** One place over the network that metadata comes from. */
export interface RemoteCollector {
  /** Name of the source, as the option `source` in the proto files has it. */
  readonly source: string;
  /**
   * What it asks the remote about for this checkout, for a person, for example "pull requests of base owner/name, head
   * owner/name:branch". Said beside every state. Undefined: there is nothing to ask.
   */
  about(checkout: Checkout): string | undefined;
  /**
   * What is known now of what this checkout is about, without waiting. Cheap: the same object while nothing changed. Undefined:
   * it was never asked for, or is not known any more. What depends on the checkout's commit alone is computed here.
   */
  known(checkout: Checkout): Known | undefined;
  /**
   * Finds out, without any request, what {@link known} needs of the local repository for this checkout. Undefined: there is
   * nothing to find out.
   */
  prepare(checkout: Checkout, context: CollectContext): Promise<void> | undefined;
  /**
   * Asks the remote what may have changed and remembers it. Called at most once at a time.
   *
   * @throws {CollectError} when that failed; what was known before stays known, and is stale. Any other error is a defect.
   */
  refresh(checkout: Checkout, context: CollectContext): Promise<void>;
  /**
   * When to ask next, on the monotonic clock, in milliseconds; a time in the past is now. It holds after success and failure
   * alike, and while nobody reads, when no question is asked. Undefined: there is nothing to ask for this checkout.
   */
  dueAtMs(checkout: Checkout): number | undefined;
  /** As last seen. Undefined before the first answer that told. */
  readonly rateLimit: RateLimit | undefined;
  /** Why the remote is not asked at present, whatever the checkout. Undefined: nothing keeps it from being asked. */
  readonly obstacle: Problem | undefined;
  /**
   * Calls `changed` when {@link known} or {@link dueAtMs} may give another answer than before, other than by time, until `signal` is
   * aborted.
   */
  watch?(changed: () => void, signal: AbortSignal): void;
}
