// From a snapshot to the message that clients get.

import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { RateLimit as CollectedRateLimit } from "../collectors/remote-collector.ts";
import {
  type MetadataEntry,
  type RateLimit,
  RateLimitSchema,
  type ResponseMeta,
  ResponseMetaSchema,
  type SourceStatus,
  SourceStatusSchema,
} from "../gen/fleet/metadata/v1/envelope_pb.ts";
import {
  type GetMetadataResponse,
  GetMetadataResponseSchema,
  MetadataView,
} from "../gen/fleet/metadata/v1/service_pb.ts";
import type { Selection } from "./selection.ts";
import type { MetadataService, SourceView } from "./service.ts";
import type { Snapshot } from "./snapshot.ts";

/** Version of the contract, `meta.version`. */
export const CONTRACT_VERSION = "1.0";

/** What an answer says about the server that made it. */
export interface AnswerContext {
  readonly serverVersion: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** The entries of a selection. */
export function selectEntries(snapshot: Snapshot, selection: Selection): Record<string, MetadataEntry> {
  const data: Record<string, MetadataEntry> = {};
  for (const { key } of selection.leaves) {
    const entry = snapshot.entries.get(key);
    if (entry) {
      data[key] = entry;
    }
  }
  return data;
}

/** What an answer with this snapshot says about itself. */
export function createMeta(snapshot: Snapshot, { serverVersion, nowMs }: AnswerContext): ResponseMeta {
  return create(ResponseMetaSchema, {
    version: CONTRACT_VERSION,
    serverVersion,
    revision: snapshot.revision,
    generatedAt: timestampFromMs(nowMs),
  });
}

/** The state of every source, by name. */
export function createSourceStatuses(
  service: MetadataService,
  snapshot: Snapshot,
): Record<string, SourceStatus> {
  const statuses: Record<string, SourceStatus> = {};
  for (const [name, view] of service.sources()) {
    statuses[name] = createSourceStatus(view, snapshot.dropped.get(name) ?? 0);
  }
  return statuses;
}

/** The whole answer in one of its views: entries and sources as they are at this moment. */
export function createResponse(
  service: MetadataService,
  selection: Selection,
  view: MetadataView,
  context: AnswerContext,
): GetMetadataResponse {
  const { snapshot } = service;
  const wantsEntries = view !== MetadataView.TYPED;
  const wantsTree = view === MetadataView.TYPED || view === MetadataView.FULL;
  return create(GetMetadataResponseSchema, {
    data: wantsEntries ? selectEntries(snapshot, selection) : {},
    meta: createMeta(snapshot, context),
    sources: createSourceStatuses(service, snapshot),
    ...(wantsTree ? { workspace: snapshot.tree(selection.leaves) } : {}),
    unknownKeys: [...selection.unknown],
  });
}

function createSourceStatus(view: SourceView, dropped: number): SourceStatus {
  const { report, ageMs, nextCollectionMs, rateLimit } = view;
  const { state, reason, message, collectedAt, collectionMs } = report;
  const keys = dropped === 1 ? "key" : "keys";
  const droppedText = dropped > 0 ? `${dropped} ${keys} left out: all entries together exceed the limit` : "";
  return create(SourceStatusSchema, {
    state,
    reason: reason === "" && dropped > 0 ? "TOO_LARGE" : reason,
    message: [message, droppedText].filter((text) => text !== "").join("; "),
    ...(collectedAt === undefined ? {} : { collectedAt: timestamp(collectedAt.wallMs) }),
    ...(ageMs === undefined ? {} : { age: duration(Math.round(ageMs)) }),
    ...(collectionMs === undefined ? {} : { collectionTime: duration(collectionMs) }),
    ...(nextCollectionMs === undefined ? {} : { nextCollectionAt: timestamp(nextCollectionMs) }),
    ...(rateLimit === undefined ? {} : { rateLimit: createRateLimit(rateLimit) }),
  });
}

function createRateLimit({ limit, remaining, resetMs }: CollectedRateLimit): RateLimit {
  return create(RateLimitSchema, { limit, remaining, resetAt: timestamp(resetMs) });
}

/** To the millisecond: what is left of one cannot be encoded. */
function timestamp(ms: number): Timestamp {
  return timestampFromMs(Math.round(ms));
}

/** To the microsecond. */
function duration(ms: number): Duration {
  const microseconds = Math.round(ms * 1_000);
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(microseconds / 1_000_000)),
    nanos: (microseconds % 1_000_000) * 1_000,
  });
}
