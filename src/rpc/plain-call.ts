// The plain form of a gRPC call over HTTP/2: one message that is not compressed and comes at once. Whatever is not plain is left to the
// library, errors included.

import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import type { EncodeAnswer } from "./encoded-answers.ts";
import type { MetadataHandlersOptions } from "./metadata-service.ts";

/**
 * Answers a plain call: Connect's word for how it has ended, once it has. Or the body, for the library to answer: as a whole, or what has
 * come of it and what comes. Rejects when the connection breaks.
 */
export type AnswerPlainCall = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  write: (bytes: Uint8Array) => Promise<void>,
  cause?: object,
) => Promise<string | AsyncIterable<Uint8Array>>;

/** What all plain calls are answered with. */
export interface PlainCallOptions extends Pick<MetadataHandlersOptions, "service"> {
  readonly encodeAnswer: EncodeAnswer;
  readonly acceptCompression: readonly Compression[];
}

/** What all answers to plain calls have. */
export const CONTENT_TYPE = "application/grpc+proto";

/** A request that is not here as a whole by then is left to the library, which refuses what is wrong before it is here. */
const PATIENCE_MS = 10;

/** Room for all keys by name. */
const MAX_BODY_BYTES = 16_384;

/** Before each message: one byte of flags, four of its length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export const PREFIX_BYTES = 5;

/** The flag of a message that is compressed. */
const COMPRESSED = 1;

/** Whether a call is plain by its head. */
export function isPlainCall(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  const { "content-type": type, "grpc-encoding": encoding } = request.headers;
  return (
    "stream" in request &&
    request.method === "POST" &&
    (type === "application/grpc" || type === CONTENT_TYPE) &&
    (encoding === undefined || encoding === "identity")
  );
}

/** The compression that a caller takes answers in, as the library chooses it. Null: none. */
export function acceptedCompression(
  request: Http2ServerRequest,
  known: readonly Compression[],
): Compression | null {
  const accepted = request.headers["grpc-accept-encoding"];
  return compressionNegotiate(
    [...known],
    null,
    typeof accepted === "string" ? accepted : null,
    "grpc-accept-encoding",
  ).response;
}

/** The one message of a body, not compressed; undefined when there is anything else. */
export function onlyMessage(body: Uint8Array): Uint8Array | undefined {
  const [flags] = body;
  const isWhole =
    body.length >= PREFIX_BYTES &&
    new DataView(body.buffer, body.byteOffset).getUint32(1) === body.length - PREFIX_BYTES;
  return flags === 0 && isWhole ? body.subarray(PREFIX_BYTES) : undefined;
}

/** The length of all parts together, in bytes. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** A message with what stands before it. */
export function inEnvelope(parts: readonly Uint8Array[], isCompressed = false): Uint8Array {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt8(isCompressed ? COMPRESSED : 0);
  prefix.writeUInt32BE(lengthOf(parts), 1);
  return Buffer.concat([prefix, ...parts]);
}

/** What is wrong with a request, the library finds out again, and says. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Reads a body that is small and comes at once; otherwise what has come of it. Rejects when the connection breaks. */
export function readBody(
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

/** A body, for the library: what has come of it, and what comes. */
export async function* bodyOf(
  chunks: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  if (rest !== undefined) {
    yield* rest;
  }
}
