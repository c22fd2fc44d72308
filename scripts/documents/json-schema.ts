// JSON Schema (2020-12) of messages in their proto3 JSON form, from their descriptors. What a schema does not name is
// allowed: a newer server may say more.
// https://protobuf.dev/programming-guides/json/

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { MetadataEntrySchema } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { GetMetadataResponseSchema } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { createCatalogue, type Leaf } from "../../src/metadata/catalogue.ts";
import { METADATA_LIMITS } from "../../src/metadata/limits.ts";
import type { Comments } from "./comments.ts";

export type JsonSchema = { readonly [name: string]: unknown };

export interface JsonSchemaOptions {
  /** Names of fields: lowerCamelCase, or as in the proto file. */
  readonly names: "camel" | "proto";
  readonly comments: Comments;
  /** What stands before the name of a definition in a reference. */
  readonly location: string;
}

/** What has a JSON form of its own. */
const WELL_KNOWN: Readonly<Record<string, JsonSchema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$" },
  "google.protobuf.Value": {},
};

/** Fields that are never absent, by their message: what proto3 cannot say. */
const ALWAYS_PRESENT: Readonly<Record<string, readonly string[]>> = {
  "fleet.metadata.v1.MetadataEntry": ["value", "schema"],
  "fleet.metadata.v1.EntrySchema": ["type", "description"],
  "fleet.metadata.v1.ResponseMeta": ["version", "server_version", "revision", "generated_at"],
  "fleet.metadata.v1.SourceStatus": ["state"],
};

/** Members that the plain routes always send. */
const ALWAYS_SENT = ["data", "meta", "sources"];

/** Definitions by name, for a message and all that it is made of. The name is the message's own, without its package. */
export function definitionsOf(message: DescMessage, options: JsonSchemaOptions): Record<string, JsonSchema> {
  const definitions: Record<string, JsonSchema> = {};
  define(message, options, definitions);
  return definitions;
}

/** A schema document for `GET /metadata`. */
export function responseSchema(options: Omit<JsonSchemaOptions, "location">): JsonSchema {
  const definitions = definitionsOf(GetMetadataResponseSchema, { ...options, location: "#/$defs/" });
  const { name } = GetMetadataResponseSchema;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `urn:fleet-metadata:v1:${name}:${options.names}`,
    $ref: `#/$defs/${name}`,
    $defs: definitions,
  };
}

function define(
  message: DescMessage,
  options: JsonSchemaOptions,
  definitions: Record<string, JsonSchema>,
): JsonSchema {
  const wellKnown = WELL_KNOWN[message.typeName];
  if (wellKnown) {
    return wellKnown;
  }
  if (!(message.name in definitions)) {
    // Holds the place, for messages within themselves.
    definitions[message.name] = {};
    const nameOf = (field: DescField): string => (options.names === "proto" ? field.name : field.jsonName);
    const isResponse = message.typeName === GetMetadataResponseSchema.typeName;
    const always = isResponse ? ALWAYS_SENT : ALWAYS_PRESENT[message.typeName];
    const required = message.fields.filter(({ name }) => always?.includes(name)).map(nameOf);
    definitions[message.name] = {
      ...described(message.typeName, options),
      type: "object",
      properties: Object.fromEntries(
        message.fields.map((field) => [nameOf(field), fieldSchema(field, options, definitions)]),
      ),
      ...(required.length === 0 ? {} : { required }),
    };
  }
  return { $ref: `${options.location}${message.name}` };
}

function described(name: string, { comments }: JsonSchemaOptions): { description?: string } {
  const description = comments.get(name);
  return description === undefined ? {} : { description };
}

function fieldSchema(
  field: DescField,
  options: JsonSchemaOptions,
  definitions: Record<string, JsonSchema>,
): JsonSchema {
  const single = ({ message, enum: values, scalar }: Pick<DescField, "scalar" | "enum" | "message">) => {
    if (message) {
      return define(message, options, definitions);
    }
    if (values) {
      return { type: "string", enum: values.values.map(({ name }) => name) };
    }
    return scalarSchema(scalar);
  };
  const description = described(`${field.parent.typeName}.${field.name}`, options);
  switch (field.fieldKind) {
    case "list":
      return { ...description, type: "array", items: single(field) };
    case "map":
      return {
        ...description,
        type: "object",
        ...(field.message?.typeName === MetadataEntrySchema.typeName ? entriesByKey(options) : {}),
        additionalProperties: single(field),
      };
    default:
      return { ...description, ...single(field) };
  }
}

/** What each key's entry holds, as the catalogue has it. */
function entriesByKey({ location }: JsonSchemaOptions): JsonSchema {
  const entry = { $ref: `${location}${MetadataEntrySchema.name}` };
  const properties = createCatalogue().leaves.map((leaf) => [
    leaf.key,
    {
      ...entry,
      description: leaf.schema.description,
      type: "object",
      properties: { value: valueSchema(leaf) },
    },
  ]);
  return { properties: Object.fromEntries(properties) };
}

/** Null: the value is not known, and the entry's `error` says why. */
function valueSchema({ schema: { type, values }, field }: Leaf): JsonSchema {
  switch (type) {
    case "enum":
      return { enum: [...values, null] };
    case "string": {
      const isTimestamp = field.fieldKind === "message";
      return {
        type: ["string", "null"],
        ...(isTimestamp ? { format: "date-time" } : { maxLength: METADATA_LIMITS.valueBytes }),
      };
    }
    default:
      return { type: [type, "null"] };
  }
}

function scalarSchema(scalar: ScalarType | undefined): JsonSchema {
  switch (scalar) {
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: "integer", minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", minimum: 0, maximum: 2 ** 32 - 1 };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    default:
      return { type: "string", pattern: "^-?[0-9]+$" };
  }
}
