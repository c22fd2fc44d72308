// The JSON text of answers. What does not change with time is made once per snapshot and kept as text, so that a read of
// an unchanged state costs little more than writing it.

import { createHash } from "node:crypto";
import { type JsonWriteOptions, toJsonString } from "@bufbuild/protobuf";
import type { MetadataEntry } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import {
  MetadataEntrySchema,
  ResponseMetaSchema,
  SourceStatusSchema,
} from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { type AnswerContext, createMeta, createSourceStatuses, selectEntries } from "../metadata/response.ts";
import type { Selection } from "../metadata/selection.ts";
import type { MetadataService } from "../metadata/service.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import type { JsonNames } from "./query.ts";

/** Variants of one snapshot that are kept as text: clients ask for few different sets of keys. */
const KEPT_VARIANTS = 16;

/** Writes answers of one service as JSON. */
export interface MetadataJson {
  /** `GetMetadataResponse` in the view entries, as proto3 JSON. */
  response(snapshot: Snapshot, selection: Selection, names: JsonNames, context: AnswerContext): string;
  /**
   * Weak validator of such an answer: stands for the snapshot's revision, the variant, and the state of what was selected.
   */
  etag(snapshot: Snapshot, selection: Selection, names: JsonNames): string;
  /** Whether two validators stand for the same state of the same selection, whatever else has changed between them. */
  isSameState(validator: string, etag: string): boolean;
}

export function createMetadataJson(service: MetadataService): MetadataJson {
  const texts = new WeakMap<Snapshot, Map<string, string>>();

  const dataText = (snapshot: Snapshot, selection: Selection, names: JsonNames): string => {
    const variants = texts.get(snapshot) ?? new Map<string, string>();
    texts.set(snapshot, variants);
    const variant = `${names} ${selection.id}`;
    const known = variants.get(variant);
    if (known !== undefined) {
      return known;
    }
    const members = Object.entries(selectEntries(snapshot, selection)).map(
      ([key, entry]) => `${JSON.stringify(key)}:${entryJson(entry, names)}`,
    );
    const text = `{${members.join(",")}}`;
    if (variants.size < KEPT_VARIANTS) {
      variants.set(variant, text);
    }
    return text;
  };

  return {
    response: (snapshot, selection, names, context) => {
      const options = writeOptions(names);
      const sources = Object.entries(createSourceStatuses(service, snapshot)).map(
        ([name, status]) => `${JSON.stringify(name)}:${toJsonString(SourceStatusSchema, status, options)}`,
      );
      const members = [
        `"data":${dataText(snapshot, selection, names)}`,
        `"meta":${toJsonString(ResponseMetaSchema, createMeta(snapshot, context), options)}`,
        `"sources":{${sources.join(",")}}`,
      ];
      if (selection.unknown.length > 0) {
        const name = names === "proto" ? "unknown_keys" : "unknownKeys";
        members.push(`"${name}":${JSON.stringify(selection.unknown)}`);
      }
      return `{${members.join(",")}}`;
    },
    etag: (snapshot, selection, names) => `W/"${snapshot.revision}.${stateTag(snapshot, selection, names)}"`,
    isSameState: (validator, etag) => {
      const [given, current] = [partsOf(validator), partsOf(etag)];
      return (
        given !== undefined &&
        current !== undefined &&
        given.run === current.run &&
        given.state === current.state
      );
    },
  };
}

/** One entry as proto3 JSON. */
export function entryJson(entry: MetadataEntry, names: JsonNames): string {
  return toJsonString(MetadataEntrySchema, entry, writeOptions(names));
}

/** Stands for the variant and what it shows: equal for equal states of one run. */
function stateTag(snapshot: Snapshot, selection: Selection, names: JsonNames): string {
  return digest(`${names} ${selection.id} ${snapshot.fingerprint(selection)}`);
}

/** A validator is the revision, which is the run and a count, and the state's tag. */
function partsOf(validator: string): { readonly run: string; readonly state: string } | undefined {
  const [, run, state] = /^(?:W\/)?"([\w-]+)\.\d+\.([\w-]+)"$/.exec(validator.trim()) ?? [];
  return run === undefined || state === undefined ? undefined : { run, state };
}

function writeOptions(names: JsonNames): Partial<JsonWriteOptions> {
  return { useProtoFieldName: names === "proto" };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 12);
}
