// The one call that is made most, GetMetadata over gRPC on HTTP/2, when there is nothing to wait for: without the library's streams of
// async iterables, which take three times the CPU. Whatever is not plain is left to the library, errors included.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import {
  GetMetadataRequestSchema,
  type GetMetadataResponse,
  GetMetadataResponseSchema,
  type MetadataView,
} from "../gen/fleet/metadata/v1/service_pb.ts";
import { COMPRESSION } from "../metadata/limits.ts";
import { createResponse } from "../metadata/response.ts";
import { type Selection, selectKeys } from "../metadata/selection.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import { RPC_LIMITS } from "./limits.ts";
import { type MetadataHandlersOptions, parseView } from "./metadata-service.ts";

/** Undefined: it was answered. Otherwise the body, for the library to answer: as a whole, or what has come of it and what comes. */
export type QuickRead = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  cause?: object,
) => Promise<AsyncIterable<Uint8Array> | undefined>;

export interface QuickReadOptions extends MetadataHandlersOptions {
  readonly acceptCompression: readonly Compression[];
}

/** A request that is not here as a whole by then is left to the library, which refuses what is wrong before it is here. */
const PATIENCE_MS = 10;

/** Room for all keys by name. */
const MAX_BODY_BYTES = 16_384;

/** Before each message: one byte of flags, four of its length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const PREFIX_BYTES = 5;

/** A timeout that is over before anything is done is the library's to refuse, like one that is malformed. */
const TIMEOUT = /^[1-9]\d{0,7}[HMSm]$/;

const CONTENT_TYPE = "application/grpc+proto";

/** Encoded parts of the answers that are kept for a snapshot: clients ask for few different sets of keys. */
const KEPT_PARTS = 64;

/** Whether this is worth a try: by its head, the request is plain. */
export function isPlainRead(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  const { headers, method } = request;
  const { "content-type": type, "grpc-encoding": encoding, "grpc-timeout": timeout } = headers;
  return (
    "stream" in request &&
    method === "POST" &&
    (type === "application/grpc" || type === CONTENT_TYPE) &&
    (encoding === undefined || encoding === "identity") &&
    (timeout === undefined || (typeof timeout === "string" && TIMEOUT.test(timeout)))
  );
}

export function createQuickRead(options: QuickReadOptions): QuickRead {
  const { service, clock, serverVersion, acceptCompression } = options;
  const kept = new WeakMap<Snapshot, Map<string, FixedParts>>();

  const fixedParts = (selection: Selection, view: MetadataView, answer: GetMetadataResponse): FixedParts => {
    const { snapshot } = service;
    const ofSnapshot = kept.get(snapshot) ?? new Map<string, FixedParts>();
    kept.set(snapshot, ofSnapshot);
    const id = `${view} ${selection.id}`;
    const parts = ofSnapshot.get(id) ?? encodeFixedParts(answer);
    if (ofSnapshot.size < KEPT_PARTS) {
      ofSnapshot.set(id, parts);
    }
    return parts;
  };

  /** The answer, or undefined when it takes more than this. */
  const answerTo = (body: Uint8Array, cause: object | undefined): Uint8Array | undefined => {
    const message = onlyMessage(body);
    const { keys, view, maxAge } = message
      ? fromBinary(GetMetadataRequestSchema, message)
      : { keys: undefined };
    if (keys === undefined || maxAge !== undefined) {
      return undefined;
    }
    const selection = selectKeys(service.catalogue, keys);
    const wantedView = parseView(view);
    if (!service.readAtOnce(selection, cause)) {
      return undefined;
    }
    const answer = createResponse(service, selection, wantedView, { serverVersion, nowMs: clock.wallMs() });
    const { before, after } = fixedParts(selection, wantedView, answer);
    const { meta, sources } = answer;
    const moving = toBinary(
      GetMetadataResponseSchema,
      create(GetMetadataResponseSchema, { sources, ...(meta && { meta }) }),
    );
    return inEnvelope([before, moving, after]);
  };

  return async (request, response, cause) => {
    const { chunks, isComplete } = await readBody(request);
    const body = Buffer.concat(chunks);
    const rest = (): AsyncIterable<Uint8Array> => bodyOf(chunks, isComplete ? undefined : request);
    const accepted = request.headers["grpc-accept-encoding"];
    const compression = compressionNegotiate(
      [...acceptCompression],
      null,
      typeof accepted === "string" ? accepted : null,
      "grpc-accept-encoding",
    ).response;
    const answer = isComplete ? attempt(() => answerTo(body, cause)) : undefined;
    const length = (answer?.length ?? 0) - PREFIX_BYTES;
    if (answer === undefined || length > RPC_LIMITS.writeMaxBytes) {
      return rest();
    }
    if (compression !== null) {
      if (length >= COMPRESSION.minBytes) {
        return rest();
      }
      response.setHeader("grpc-encoding", compression.name);
    }
    response.setHeader("content-type", CONTENT_TYPE);
    response.addTrailers({ "grpc-status": "0" });
    response.end(answer);
    return undefined;
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

/** The one message of a body, not compressed; undefined when there is anything else. */
function onlyMessage(body: Uint8Array): Uint8Array | undefined {
  const [flags] = body;
  const isWhole =
    body.length >= PREFIX_BYTES &&
    new DataView(body.buffer, body.byteOffset).getUint32(1) === body.length - PREFIX_BYTES;
  return flags === 0 && isWhole ? body.subarray(PREFIX_BYTES) : undefined;
}

function inEnvelope(parts: readonly Uint8Array[]): Uint8Array {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    1,
  );
  return Buffer.concat([prefix, ...parts]);
}

/** What is wrong with a request, the library finds out again, and says. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Reads a body that is small and comes at once; otherwise what has come of it. Rejects when the connection breaks. */
function readBody(
  request: Http2ServerRequest,
): Promise<{ readonly chunks: readonly Buffer[]; readonly isComplete: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const forget = (): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onClose);
    };
    const onEnd = (): void => {
      forget();
      resolve({ chunks, isComplete: true });
    };
    const leave = (): void => {
      forget();
      request.pause();
      // The request's own pause would hold back the bytes that whoever reads it next waits for.
      request.stream.resume();
      resolve({ chunks, isComplete: false });
    };
    const onClose = (): void => {
      forget();
      reject(new Error("the connection was closed"));
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY_BYTES) {
        leave();
      }
    };
    const timer = setTimeout(leave, PATIENCE_MS);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

async function* bodyOf(
  chunks: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  if (rest !== undefined) {
    yield* rest;
  }
}
