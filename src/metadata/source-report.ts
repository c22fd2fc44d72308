// What is known of a source at one moment, in the words and values that are served: clean, and comparable.

import { create, equals, type Message } from "@bufbuild/protobuf";
import type { Checkout } from "../collectors/checkout.ts";
import { CollectError, type Collected, type Problem } from "../collectors/collector.ts";
import { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import type { Catalogue } from "./catalogue.ts";
import { cleanText } from "./clean-text.ts";
import { cleanTree } from "./flatten.ts";
import { METADATA_LIMITS } from "./limits.ts";

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
  /** For the sources that follow this one. Belongs to `metadata`; absent where the collector gives none. */
  readonly checkout?: Checkout;
  /** When the collection that `metadata` stems from began. Absent when none ever succeeded. */
  readonly collectedAt?: { readonly wallMs: number; readonly monotonicMs: number };
  /** How long the last finished collection took. Absent before the first. */
  readonly collectionMs?: number;
}

/** Nothing is cut. */
export const NOTHING_TRUNCATED: ReadonlySet<string> = new Set();

/** What is known before the first collection has ended. */
export const PENDING: SourceReport = {
  state: SourceState.PENDING,
  reason: "",
  message: "",
  truncated: NOTHING_TRUNCATED,
};

/** The values that a collector found, as they are served. */
export function cleanMetadata(
  catalogue: Catalogue,
  source: string,
  raw: Extract<Collected, { outcome: "data" }>["metadata"],
): { readonly metadata: Message; readonly truncated: ReadonlySet<string> } {
  // A copy, because cleaning changes it, and the collector may keep parts of its own. The library's own clone refuses
  // strings that are not well-formed, which cleaning is there to mend.
  const metadata: Message = create(catalogue.root, structuredClone(raw));
  const truncated = cleanTree(catalogue, source, metadata);
  return { metadata, truncated };
}

/** The words of a report. */
export function inWords(
  state: SourceState,
  said: Problem | undefined,
): Pick<SourceReport, "state" | "reason" | "message"> {
  const message = cleanText(said?.message ?? "", METADATA_LIMITS.valueBytes).text;
  return { state, reason: said?.reason ?? "", message };
}

/** Why something could not be found out, and whether what was known before is known not to hold any more. */
export type Failure = Problem & { readonly invalidates: boolean };

/** Something that failed. */
export interface Failed {
  readonly problem: Failure;
  /** Present when it was a defect. */
  readonly defect?: unknown;
}

export function failureOf(error: unknown): Failed {
  return { problem: problemOf(error), ...(error instanceof CollectError ? {} : { defect: error }) };
}

/** What an error of a collector tells clients: nothing of the text of a defect. */
export function problemOf(error: unknown): Failure {
  return error instanceof CollectError
    ? error
    : { reason: "INTERNAL", message: "unexpected error, see the server's log", invalidates: false };
}

/**
 * Whether two reports lead to the same entries, state and reason: age and durations do not count, and the message only
 * where entries carry it as their error.
 */
export function sameContribution(catalogue: Catalogue, a: SourceReport, b: SourceReport): boolean {
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
