// From the typed tree to the flat map: every leaf that has a value becomes one entry.

import { create, type DescField, isMessage, type Message, toJson, toJsonString } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { TimestampSchema, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { attempt } from "../attempt.ts";
import { type MetadataEntry, MetadataEntrySchema } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { type Catalogue, enumValueName, type Leaf } from "./catalogue.ts";
import { cleanText, jsonBytes } from "./clean-text.ts";
import { METADATA_LIMITS } from "./limits.ts";

const LIST_SEPARATOR = ", ";

/**
 * Makes the leaves of one source fit to be served, in place: strings are cleaned and cut, numbers that JSON or their own type cannot hold,
 * enum values that the contract does not know and dates that RFC 3339 cannot hold are removed.
 *
 * @returns the keys of the leaves that were cut.
 */
export function cleanTree(catalogue: Catalogue, source: string, tree: Message): ReadonlySet<string> {
  const truncated = new Set<string>();
  for (const leaf of catalogue.bySource.get(source) ?? []) {
    const parent = parentOf(catalogue, tree, leaf);
    if (parent?.isSet(leaf.field) && !cleanLeaf(parent, leaf.field)) {
      truncated.add(leaf.key);
    }
  }
  return truncated;
}

/** The entries of one source's leaves that have a value in a clean tree, by key. */
export function flatten(
  catalogue: Catalogue,
  source: string,
  tree: Message,
  truncated: ReadonlySet<string>,
): Map<string, MetadataEntry> {
  const entries = new Map<string, MetadataEntry>();
  for (const leaf of catalogue.bySource.get(source) ?? []) {
    const parent = parentOf(catalogue, tree, leaf);
    if (parent?.isSet(leaf.field)) {
      entries.set(
        leaf.key,
        create(MetadataEntrySchema, {
          value: flatValue(parent, leaf.field),
          schema: leaf.schema,
          truncated: truncated.has(leaf.key),
        }),
      );
    }
  }
  return entries;
}

/** An entry without a value: null, and why. */
export function nullEntry(leaf: Leaf, error?: string): MetadataEntry {
  return create(MetadataEntrySchema, {
    value: create(ValueSchema, { kind: { case: "nullValue", value: 0 } }),
    schema: leaf.schema,
    ...(error === undefined ? {} : { error }),
  });
}

/** Size of an entry in the flat map as JSON, in bytes, its key and the comma behind it included. */
export function entryBytes(key: string, entry: MetadataEntry): number {
  return jsonBytes(key) + Buffer.byteLength(toJsonString(MetadataEntrySchema, entry)) + 2;
}

/** Copies one leaf that is present in `from` into another tree, where the messages around it come into being. */
export function copyLeaf(catalogue: Catalogue, leaf: Leaf, from: Message, to: Message): void {
  const source = parentOf(catalogue, from, leaf);
  if (!source?.isSet(leaf.field)) {
    return;
  }
  let target = reflect(catalogue.root, to);
  for (const step of leaf.path.slice(0, -1)) {
    if (step.fieldKind === "message") {
      if (!target.isSet(step)) {
        target.set(step, reflect(step.message));
      }
      target = target.get(step);
    }
  }
  target.set(leaf.field, source.get(leaf.field));
}

/** The message that holds a leaf, or undefined when it or a message around it is absent. */
function parentOf(catalogue: Catalogue, tree: Message, leaf: Leaf): ReflectMessage | undefined {
  let message = reflect(catalogue.root, tree);
  for (const step of leaf.path.slice(0, -1)) {
    if (step.fieldKind !== "message" || !message.isSet(step)) {
      return undefined;
    }
    message = message.get(step);
  }
  return message;
}

/** @returns false when something was cut off. */
function cleanLeaf(parent: ReflectMessage, field: DescField): boolean {
  const value: unknown = parent.get(field);
  switch (field.fieldKind) {
    case "list":
      return cleanList(parent, field);
    case "enum":
      if (typeof value === "number" && enumValueName(field, value) === "") {
        parent.clear(field);
      }
      return true;
    case "message":
      if (timestampText(parent, field) === undefined) {
        parent.clear(field);
      }
      return true;
    default:
      if (typeof value === "string") {
        const { text, truncated } = cleanText(value, METADATA_LIMITS.valueBytes);
        parent.set(field, text);
        return !truncated;
      }
      if (typeof value === "number" && !isServable(parent, field, value)) {
        parent.clear(field);
      }
      return true;
  }
}

/** One number that its type cannot hold, a negative count for example, would make the whole answer fail to serialize. */
function isServable(parent: ReflectMessage, field: DescField, value: number): boolean {
  try {
    parent.set(field, value);
    return Number.isFinite(value);
  } catch {
    return false;
  }
}

/** Cleans a list of strings so that the joined text fits; elements that do not fit are dropped from the end. */
function cleanList(parent: ReflectMessage, field: DescField & { fieldKind: "list" }): boolean {
  const list = parent.get(field);
  const kept: string[] = [];
  let complete = true;
  let room = METADATA_LIMITS.valueBytes;
  for (const element of list) {
    const { text, truncated } = cleanText(String(element), METADATA_LIMITS.valueBytes);
    const bytes = jsonBytes(text) - 2 + (kept.length > 0 ? LIST_SEPARATOR.length : 2);
    if (bytes > room) {
      complete = false;
      break;
    }
    room -= bytes;
    complete &&= !truncated;
    kept.push(text);
  }
  list.clear();
  for (const text of kept) {
    list.add(text);
  }
  return complete;
}

function flatValue(parent: ReflectMessage, field: DescField): Value {
  const value: unknown = parent.get(field);
  switch (field.fieldKind) {
    case "enum":
      return stringValue(enumValueName(field, Number(value)));
    case "list":
      return stringValue([...parent.get(field)].join(LIST_SEPARATOR));
    case "message":
      return stringValue(timestampText(parent, field) ?? "");
    default:
      if (typeof value === "boolean") {
        return create(ValueSchema, { kind: { case: "boolValue", value } });
      }
      if (typeof value === "number") {
        return create(ValueSchema, { kind: { case: "numberValue", value } });
      }
      return stringValue(String(value));
  }
}

function stringValue(value: string): Value {
  return create(ValueSchema, { kind: { case: "stringValue", value } });
}

/** RFC 3339 in UTC, or undefined when the moment lies outside the years 1 to 9999 that it can express. */
function timestampText(
  parent: ReflectMessage,
  field: DescField & { fieldKind: "message" },
): string | undefined {
  const { message } = parent.get(field);
  if (!isMessage(message, TimestampSchema)) {
    return undefined;
  }
  return attempt(() => toJson(TimestampSchema, message));
}
