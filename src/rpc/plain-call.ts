// The plain form of a call: one message that is not compressed and comes at once. Whatever is not plain is left to the library, errors
// included.

import type { Readable } from "node:stream";
import type { Compression } from "@connectrpc/connect/protocol";
import type { EncodeAnswer } from "./encoded-answers.ts";
import type { MetadataHandlersOptions } from "./metadata-service.ts";
import type { PlainProtocol, Request, Response } from "./plain-protocols.ts";

/** A call that is plain by its head. */
export interface PlainCall {
  readonly protocol: PlainProtocol;
  readonly request: Request;
  readonly response: Response;
  /** Writes a piece of the answer. Rejects when the connection breaks. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Stands for the request where that is traced. */
  readonly cause: object | undefined;
}

/**
 * Answers a plain call: Connect's word for how it has ended, once it has. Or the body, for the library to answer: as a whole, or what has
 * come of it and what comes; undefined when nothing was read of it. Rejects when the connection breaks.
 */
export type AnswerPlainCall = (call: PlainCall) => Promise<string | AsyncIterable<Uint8Array> | undefined>;

/** What all plain calls are answered with. */
export interface PlainCallOptions extends Pick<MetadataHandlersOptions, "service"> {
  readonly encodeAnswer: EncodeAnswer;
  readonly acceptCompression: readonly Compression[];
}

/** A request that is not here as a whole by then is left to the library, which refuses what is wrong before it is here. */
const BODY_WAIT_MS = 10;

/** Room for all keys by name. */
const MAX_BODY_BYTES = 16_384;

/** Reads a body that is small and comes at once; otherwise what has come of it. Rejects when the connection breaks. */
export function readBody(
  request: Request,
): Promise<{ readonly chunks: readonly Buffer[]; readonly isComplete: boolean }> {
  const body: Readable = request;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const forget = (): void => {
      clearTimeout(timer);
      body.off("data", onData).off("end", onEnd).off("close", onClose);
    };
    const onEnd = (): void => {
      forget();
      resolve({ chunks, isComplete: true });
    };
    const leave = (): void => {
      forget();
      body.pause();
      if ("stream" in request) {
        // The request's own pause would hold back the bytes that whoever reads it next waits for.
        request.stream.resume();
      }
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
    const timer = setTimeout(leave, BODY_WAIT_MS);
    body.on("data", onData).on("end", onEnd).on("close", onClose);
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
