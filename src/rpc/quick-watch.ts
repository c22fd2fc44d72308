// WatchMetadata without a timeout, as orchestrators and pages call it: without the library's streams of async iterables, which take 30 KiB
// for each stream that waits. Whatever is not plain is left to the library, errors in the request included.

import { fromBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { attempt } from "../attempt.ts";
import {
  type MetadataView,
  WatchMetadataRequestSchema,
  WatchMetadataResponseSchema,
} from "../gen/fleet/metadata/v1/service_pb.ts";
import { COMPRESSION } from "../metadata/limits.ts";
import { type Selection, selectKeys } from "../metadata/selection.ts";
import { watchMetadata } from "../metadata/watch.ts";
import { COMPRESSED, inEnvelope, lengthOf, onlyMessage } from "./envelope.ts";
import { asRpcError } from "./errors.ts";
import { RPC_LIMITS } from "./limits.ts";
import {
  type MetadataHandlersOptions,
  parseHeartbeat,
  parseView,
  WATCH_HEADERS,
} from "./metadata-service.ts";
import {
  type AnswerPlainCall,
  bodyOf,
  type PlainCall,
  type PlainCallOptions,
  readBody,
} from "./plain-call.ts";
import { acceptedCompression } from "./plain-protocols.ts";

export interface QuickWatchOptions extends PlainCallOptions, Pick<MetadataHandlersOptions, "onError"> {
  /** Aborted with what all calls end with when the server stops. */
  readonly shutdown: AbortSignal;
}

interface Wanted {
  readonly selection: Selection;
  readonly view: MetadataView;
  readonly heartbeatMs: number;
}

export function createQuickWatch(options: QuickWatchOptions): AnswerPlainCall {
  const { service, encodeAnswer, acceptCompression, shutdown, onError } = options;

  const parse = (body: Uint8Array): Wanted | undefined => {
    const message = onlyMessage(body);
    if (message === undefined) {
      return undefined;
    }
    const { keys, view, heartbeatInterval } = fromBinary(WatchMetadataRequestSchema, message);
    const selection = selectKeys(service.catalogue, keys);
    return { selection, heartbeatMs: parseHeartbeat(heartbeatInterval), view: parseView(view) };
  };

  const encode = async ({ selection, view }: Wanted, compression: Compression | null) => {
    const parts = inField(encodeAnswer(selection, view));
    const length = lengthOf(parts);
    if (length > RPC_LIMITS.writeMaxBytes) {
      const problem = `message size ${length} is larger than configured writeMaxBytes ${RPC_LIMITS.writeMaxBytes}`;
      throw new ConnectError(problem, Code.ResourceExhausted);
    }
    return compression === null || length < COMPRESSION.minBytes
      ? inEnvelope(parts)
      : inEnvelope([await compression.compress(Buffer.concat(parts))], COMPRESSED);
  };

  const stream = async (
    wanted: Wanted,
    { protocol, request, response, write, cause }: PlainCall,
  ): Promise<string> => {
    const compression = acceptedCompression(request, protocol, acceptCompression);
    for (const [name, value] of WATCH_HEADERS) {
      response.setHeader(name, value);
    }
    response.setHeader("content-type", protocol.answerType);
    if (compression !== null) {
      response.setHeader(protocol.headers.encoding, compression.name);
    }
    const ended = new AbortController();
    const { signal } = ended;
    const leave = (): void => ended.abort(new ConnectError("the caller has gone", Code.Canceled));
    const stop = (): void => ended.abort(shutdown.reason);
    response.once("close", leave);
    shutdown.addEventListener("abort", stop, { once: true });
    if (shutdown.aborted) {
      stop();
    }
    const states = watchMetadata(service, { ...wanted, signal, cause });
    let error: ConnectError | undefined;
    /** The next message. Undefined when there is none any more. */
    const next = async (): Promise<Uint8Array | undefined> => {
      try {
        const { done } = await states.next();
        signal.throwIfAborted();
        return done ? undefined : await encode(wanted, compression);
      } catch (reason) {
        error = asRpcError(reason, signal, onError);
        return undefined;
      }
    };
    try {
      let message = await next();
      while (message !== undefined) {
        await write(message);
        // Not kept while the next one is waited for.
        message = undefined;
        message = await next();
      }
    } finally {
      response.off("close", leave);
      shutdown.removeEventListener("abort", stop);
      ended.abort();
    }
    return await protocol.endStream(response, write, error);
  };

  return async (call) => {
    const { protocol, request } = call;
    if (request.headers[protocol.headers.timeout] !== undefined) {
      return undefined;
    }
    const { chunks, isComplete } = await readBody(request);
    // What is wrong with a request, the library finds out again, and says.
    const wanted = isComplete ? attempt(() => parse(Buffer.concat(chunks))) : undefined;
    // Not waited for here: the body, a part of all that came with it, would be kept as long as the stream.
    return wanted === undefined ? bodyOf(chunks, isComplete ? undefined : request) : stream(wanted, call);
  };
}

/** A message as the field of the one that it is sent in. */
function inField(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const { number } = WatchMetadataResponseSchema.field.metadata;
  const head = new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(lengthOf(parts)).finish();
  return [head, ...parts];
}
