// JSON Schema (2020-12) of a message's proto3 JSON form, from its descriptor.
// https://protobuf.dev/programming-guides/json/

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface JsonSchemaOptions {
  /** Names of fields: lowerCamelCase, or as in the proto file. */
  readonly names: "camel" | "proto";
}

const WELL_KNOWN: Readonly<Record<string, JsonSchema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$" },
  "google.protobuf.Value": {},
};

/** The schema of a message. What the descriptor does not name is not allowed. */
export function jsonSchemaOf(message: DescMessage, options: JsonSchemaOptions): JsonSchema {
  const definitions: Record<string, JsonSchema> = {};
  const reference = refer(message, options, definitions);
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...reference, $defs: definitions };
}

function refer(
  message: DescMessage,
  options: JsonSchemaOptions,
  definitions: Record<string, JsonSchema>,
): JsonSchema {
  const wellKnown = WELL_KNOWN[message.typeName];
  if (wellKnown) {
    return wellKnown;
  }
  if (!(message.typeName in definitions)) {
    // Holds the place, for messages within themselves.
    definitions[message.typeName] = {};
    const properties = message.fields.map((field) => [
      options.names === "proto" ? field.name : field.jsonName,
      fieldSchema(field, options, definitions),
    ]);
    definitions[message.typeName] = {
      type: "object",
      properties: Object.fromEntries(properties),
      additionalProperties: false,
    };
  }
  return { $ref: `#/$defs/${message.typeName}` };
}

function fieldSchema(
  field: DescField,
  options: JsonSchemaOptions,
  definitions: Record<string, JsonSchema>,
): JsonSchema {
  const single = (element: Pick<DescField, "scalar" | "enum" | "message">): JsonSchema => {
    if (element.message) {
      return refer(element.message, options, definitions);
    }
    if (element.enum) {
      return { enum: element.enum.values.map(({ name }) => name) };
    }
    return scalarSchema(element.scalar);
  };
  switch (field.fieldKind) {
    case "list":
      return { type: "array", items: single(field) };
    case "map":
      return { type: "object", additionalProperties: single(field) };
    default:
      return single(field);
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
