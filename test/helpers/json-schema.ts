// Holds answers against the contract documents of the project, more strictly than clients may: what a document does not name
// must not be there.

import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { DOCUMENTS } from "../../src/gen/documents.ts";

/** @returns what is wrong with a value; empty when nothing is. */
export type Validate = (value: unknown) => readonly unknown[];

type Schema = Record<string, unknown>;

interface OpenApi {
  readonly components: { readonly schemas: Schema };
}

/** By the spelling of names, for `GET /metadata`. */
export function createSchemaValidators(): Record<"camel" | "proto", Validate> {
  return {
    camel: validator(JSON.parse(DOCUMENTS.schema.camel) as Schema),
    proto: validator(JSON.parse(DOCUMENTS.schema.proto) as Schema),
  };
}

/** For the bodies that the OpenAPI document describes. */
export function createOpenApiValidators(): Record<"response" | "entry" | "error" | "health", Validate> {
  const { components } = JSON.parse(DOCUMENTS.openapi, (name, value: unknown) =>
    name === "$ref" && typeof value === "string" ? value.replace("#/components/schemas/", "#/$defs/") : value,
  ) as OpenApi;
  const named = (...names: string[]): Validate =>
    validator({
      anyOf: names.map((name) => ({ $ref: `#/$defs/${name}` })),
      $defs: components.schemas,
    });
  return {
    response: named("GetMetadataResponse", "GetMetadataResponseProtoNames"),
    entry: named("MetadataEntry", "MetadataEntryProtoNames"),
    error: named("Error"),
    health: named("Health"),
  };
}

function validator(schema: Schema): Validate {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
  formats.default(ajv);
  // OpenAPI's own, beside the schema's.
  ajv.addKeyword("example");
  const validate = ajv.compile(closed(schema) as Schema);
  return (value) => {
    validate(value);
    return validate.errors ?? [];
  };
}

/** The same schema, with no members allowed but those that it names. What refines another schema stays open. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) {
    return schema.map(closed);
  }
  if (typeof schema !== "object" || schema === null) {
    return schema;
  }
  const members: Schema = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, closed(value)]),
  );
  const isClosable = "properties" in members && members["type"] === "object" && !("$ref" in members);
  return isClosable ? { ...members, additionalProperties: false } : members;
}
