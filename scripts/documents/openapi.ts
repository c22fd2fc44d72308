// The OpenAPI 3.1 document of the plain routes. Bodies come from the proto files, limits from the code.

import { MetadataEntrySchema } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { GetMetadataResponseSchema } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { METADATA_LIMITS, REQUEST_LIMITS } from "../../src/metadata/limits.ts";
import { CONTRACT_VERSION } from "../../src/metadata/response.ts";
import type { Comments } from "./comments.ts";
import { definitionsOf, type JsonSchema } from "./json-schema.ts";

const SCHEMAS = "#/components/schemas/";

/** What stands behind the name of a schema whose fields are named as in the proto files. */
const PROTO_NAMES = "ProtoNames";

const DURATION = "^\\d{1,9}(\\.\\d{1,9})?(ms|s|m|h)$";

/** The document as an object. */
export function openApi(comments: Comments): JsonSchema {
  return {
    openapi: "3.1.0",
    info: {
      title: "Fleet Metadata Server",
      version: CONTRACT_VERSION,
      summary: "What is going on in a workspace, read-only.",
      description:
        "The plain JSON routes. The same port serves gRPC, gRPC-web and Connect, with server reflection. Sources that fail never fail a request: `sources` says how each is doing.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The server itself; behind a proxy, whatever path leads to it" }],
    security: [{}, { token: [] }],
    tags: [
      { name: "metadata", description: "The metadata of the workspace." },
      { name: "server", description: "The server itself." },
    ],
    paths: paths(),
    components: {
      schemas: schemas(comments),
      parameters: parameters(),
      headers: {
        ETag: {
          description:
            "Weak validator: stands for the state of what was asked for, and for how it is spelled.",
          schema: { type: "string", pattern: '^W/".+"$' },
        },
      },
      responses: responses(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Where the server was started with a token." },
      },
    },
  };
}

function schemas(comments: Comments): JsonSchema {
  const camel = definitionsOf(GetMetadataResponseSchema, { names: "camel", comments, location: SCHEMAS });
  const proto = JSON.parse(
    JSON.stringify(definitionsOf(GetMetadataResponseSchema, { names: "proto", comments, location: SCHEMAS })),
    (name, value: unknown) =>
      name === "$ref" && typeof value === "string" ? `${value}${PROTO_NAMES}` : value,
  ) as Record<string, JsonSchema>;
  return {
    ...camel,
    ...Object.fromEntries(Object.entries(proto).map(([name, schema]) => [`${name}${PROTO_NAMES}`, schema])),
    Error: {
      description: "What went wrong, on the plain routes.",
      type: "object",
      properties: {
        error: { type: "string", description: "Connect's word for it.", examples: ["not_found"] },
        message: { type: "string", description: "For a person: what was wrong and what is allowed." },
        details: { type: ["object", "null"], description: "More, for programs." },
      },
      required: ["error", "message", "details"],
    },
    Health: {
      type: "object",
      properties: {
        status: { type: "string", enum: ["starting", "healthy", "stopping"] },
        version: { type: "string", description: "Version of the server program." },
        uptime_seconds: { type: "integer", minimum: 0 },
      },
      required: ["status", "version", "uptime_seconds"],
    },
  };
}

/** A message in either spelling. */
function spelled(name: string): JsonSchema {
  return { anyOf: [{ $ref: `${SCHEMAS}${name}` }, { $ref: `${SCHEMAS}${name}${PROTO_NAMES}` }] };
}

function json(schema: JsonSchema): JsonSchema {
  return { "application/json": { schema } };
}

function ref(kind: "parameters" | "responses", name: string): JsonSchema {
  return { $ref: `#/components/${kind}/${name}` };
}

const ETAG = { ETag: { $ref: "#/components/headers/ETag" } };

const REFUSALS = {
  400: ref("responses", "BadRequest"),
  401: ref("responses", "Unauthenticated"),
  403: ref("responses", "Forbidden"),
};

function paths(): JsonSchema {
  const read = ["maxAge", "names", "wait", "ifNoneMatch"].map((name) => ref("parameters", name));
  const document = (operationId: string, summary: string, options: JsonSchema[] = []): JsonSchema => ({
    get: {
      operationId,
      tags: ["server"],
      summary,
      parameters: options,
      responses: { 200: { description: "The document.", content: json({ type: "object" }) }, ...REFUSALS },
    },
  });
  return {
    "/metadata": {
      get: {
        operationId: "getMetadata",
        tags: ["metadata"],
        summary: "The metadata as it is now",
        parameters: [ref("parameters", "keys"), ...read],
        responses: {
          200: {
            description: "The metadata.",
            headers: ETAG,
            content: json(spelled(GetMetadataResponseSchema.name)),
          },
          304: ref("responses", "NotModified"),
          ...REFUSALS,
        },
      },
    },
    "/metadata/{key}": {
      get: {
        operationId: "getMetadataKey",
        tags: ["metadata"],
        summary: "One key",
        parameters: [ref("parameters", "key"), ...read],
        responses: {
          200: {
            description: "The entry. Its `value` is null when the key is known but has no value now.",
            headers: ETAG,
            content: json(spelled(MetadataEntrySchema.name)),
          },
          304: ref("responses", "NotModified"),
          404: ref("responses", "NotFound"),
          ...REFUSALS,
        },
      },
    },
    "/metadata/events": {
      get: {
        operationId: "watchMetadata",
        tags: ["metadata"],
        summary: "Server-sent events: the whole state at once, and again after every change",
        parameters: [ref("parameters", "keys"), ref("parameters", "names"), ref("parameters", "lastEventId")],
        responses: {
          200: {
            description:
              "Events named `metadata`; `id` is the revision, `data` the whole answer of `GET /metadata` on one line.",
            content: { "text/event-stream": { schema: { type: "string" } } },
          },
          ...REFUSALS,
        },
      },
    },
    "/": {
      get: {
        operationId: "getPage",
        tags: ["server"],
        summary: "The status page for people; holds no data, and asks for the token itself",
        security: [],
        responses: {
          200: { description: "The page.", content: { "text/html": { schema: { type: "string" } } } },
          304: ref("responses", "NotModified"),
          400: ref("responses", "BadRequest"),
          403: ref("responses", "Forbidden"),
        },
      },
    },
    "/health": {
      get: {
        operationId: "getHealth",
        tags: ["server"],
        summary: "Whether the server takes part; waits for no source",
        security: [],
        responses: {
          200: { description: "It does.", content: json({ $ref: `${SCHEMAS}Health` }) },
          400: ref("responses", "BadRequest"),
          403: ref("responses", "Forbidden"),
          503: { description: "It is starting or stopping.", content: json({ $ref: `${SCHEMAS}Health` }) },
        },
      },
    },
    "/metrics": {
      get: {
        operationId: "getMetrics",
        tags: ["server"],
        summary: "What the server counts of itself, for Prometheus",
        responses: {
          200: {
            description: "The metrics, in the format that the client would rather read.",
            content: {
              "text/plain": { schema: { type: "string" } },
              "application/openmetrics-text": { schema: { type: "string" } },
            },
          },
          ...REFUSALS,
        },
      },
    },
    "/openapi.json": document("getOpenApi", "This document"),
    "/schema.json": document("getSchema", "JSON Schema (2020-12) of the answer of `GET /metadata`", [
      ref("parameters", "names"),
    ]),
  };
}

function parameters(): JsonSchema {
  const query = (name: string, description: string, schema: JsonSchema): JsonSchema => ({
    name,
    in: "query",
    description,
    schema,
  });
  return {
    key: {
      name: "key",
      in: "path",
      required: true,
      description: "A key as `ListKeys` names it.",
      schema: { type: "string", maxLength: METADATA_LIMITS.keyCharacters },
      example: "git_branch",
    },
    keys: {
      ...query(
        "keys",
        "Only these keys, separated by commas or repeated; a trailing `*` makes a name a prefix. Names that the server does not know are listed in `unknownKeys`.",
        { type: "array", items: { type: "string" }, maxItems: REQUEST_LIMITS.keyNames },
      ),
      style: "form",
      explode: false,
      example: ["git_branch", "github_*"],
    },
    maxAge: query(
      "max_age",
      "Values of local sources that are older than this are collected anew before the answer.",
      { type: "string", pattern: DURATION, examples: ["0s"] },
    ),
    names: query("names", "Spelling of field names. Default: what the server was started with, `camel`.", {
      type: "string",
      enum: ["camel", "proto"],
    }),
    wait: query(
      "wait",
      `With \`If-None-Match\`: holds the request until what was asked for differs, or this time is over. At most ${REQUEST_LIMITS.waitMs / 60_000} minutes.`,
      { type: "string", pattern: DURATION, examples: ["30s"] },
    ),
    ifNoneMatch: {
      name: "If-None-Match",
      in: "header",
      description: "The `ETag` of an earlier answer to the same request.",
      schema: { type: "string" },
    },
    lastEventId: {
      name: "Last-Event-ID",
      in: "header",
      description: "The `id` of the last event that was received.",
      schema: { type: "string" },
    },
  };
}

function responses(): JsonSchema {
  const refusal = (description: string): JsonSchema => ({
    description,
    content: json({ $ref: `${SCHEMAS}Error` }),
  });
  return {
    NotModified: { description: "What was asked for has not changed.", headers: ETAG },
    BadRequest: refusal(
      "A parameter or the Host is not well-formed; the message names it and what is allowed.",
    ),
    Unauthenticated: refusal("The token is missing or wrong."),
    Forbidden: refusal("The Host or the Origin is not allowed."),
    NotFound: refusal("There is no such key; `details.closest_key` is the closest known one."),
  };
}
