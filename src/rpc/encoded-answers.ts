// Answers as they go over the wire. What does not change with time is encoded once per snapshot, view and selection.

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type GetMetadataResponse,
  GetMetadataResponseSchema,
  type MetadataView,
} from "../gen/fleet/metadata/v1/service_pb.ts";
import {
  type AnswerContext,
  createMeta,
  createResponse,
  createSourceStatuses,
} from "../metadata/response.ts";
import type { Selection } from "../metadata/selection.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import type { MetadataHandlersOptions } from "./metadata-service.ts";

/** Encoded parts of the answers that are kept for a snapshot: clients ask for few different sets of keys. */
const KEPT_PARTS = 64;

/** Makes the GetMetadataResponse of the newest snapshot, in parts that belong behind each other. */
export type EncodeAnswer = (selection: Selection, view: MetadataView) => readonly Uint8Array[];

export function createAnswerEncoder(
  options: Pick<MetadataHandlersOptions, "service" | "clock" | "serverVersion">,
): EncodeAnswer {
  const { service, clock, serverVersion } = options;
  const kept = new WeakMap<Snapshot, Map<string, FixedParts>>();

  const fixedParts = (selection: Selection, view: MetadataView, context: AnswerContext): FixedParts => {
    const { snapshot } = service;
    const ofSnapshot = kept.get(snapshot) ?? new Map<string, FixedParts>();
    kept.set(snapshot, ofSnapshot);
    const id = `${view} ${selection.id}`;
    const parts = ofSnapshot.get(id) ?? encodeFixedParts(createResponse(service, selection, view, context));
    if (ofSnapshot.size < KEPT_PARTS) {
      ofSnapshot.set(id, parts);
    }
    return parts;
  };

  return (selection, view) => {
    const { snapshot } = service;
    const context = { serverVersion, nowMs: clock.wallMs() };
    const { before, after } = fixedParts(selection, view, context);
    const meta = createMeta(snapshot, context);
    const sources = createSourceStatuses(service, snapshot);
    const moving = toBinary(GetMetadataResponseSchema, create(GetMetadataResponseSchema, { meta, sources }));
    return [before, moving, after];
  };
}

/** What changes with the snapshot only, encoded: what stands before the rest, and what stands behind it. */
interface FixedParts {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Fields are encoded in the order of their numbers; a message is the concatenation of its parts. */
function encodeFixedParts({ data, workspace, unknownKeys }: GetMetadataResponse): FixedParts {
  const encode = (part: MessageInitShape<typeof GetMetadataResponseSchema>): Uint8Array =>
    toBinary(GetMetadataResponseSchema, create(GetMetadataResponseSchema, part));
  return { before: encode({ data }), after: encode({ unknownKeys, ...(workspace && { workspace }) }) };
}
