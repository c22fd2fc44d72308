// From Node's requests to the RPC library's handlers and back, for gRPC, gRPC-web and Connect alike.

import { cors, createConnectRouter, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import { MetadataService as MetadataServiceDescriptor } from "../gen/fleet/metadata/v1/service_pb.ts";
import { Health } from "../gen/health/v1/health_pb.ts";
import type { Lifecycle } from "../metadata/lifecycle.ts";
import { COMPRESSION } from "../metadata/limits.ts";
import { answerCode } from "./answer-code.ts";
import { compressionBrotli, compressionGzip } from "./compression.ts";
import { limitTimeout, refuseEnded } from "./deadline.ts";
import { createAnswerEncoder } from "./encoded-answers.ts";
import { stoppingError } from "./errors.ts";
import { createHealthHandlers } from "./health.ts";
import { RPC_LIMITS } from "./limits.ts";
import { CAUSE, createMetadataHandlers, type MetadataHandlersOptions } from "./metadata-service.ts";
import { plainProtocol, type Request, type Response } from "./plain-protocols.ts";
import { createQuickRead } from "./quick-read.ts";
import { createQuickWatch } from "./quick-watch.ts";
import { addReflection } from "./reflection/index.ts";
import { blameUndecodable } from "./undecodable.ts";

const { getMetadata, watchMetadata } = MetadataServiceDescriptor.method;
const READ_PATH = `/${MetadataServiceDescriptor.typeName}/${getMetadata.name}`;
const WATCH_PATH = `/${MetadataServiceDescriptor.typeName}/${watchMetadata.name}`;

/** What web pages of other sites must be allowed to send and see, for gRPC-web and Connect. */
export const CORS = {
  allowedMethods: cors.allowedMethods,
  allowedHeaders: [...cors.allowedHeaders, "Authorization", "If-None-Match", "Last-Event-ID"],
  exposedHeaders: [...cors.exposedHeaders, "ETag"],
};

/** Serves all RPCs. */
export interface RpcHandler {
  /** The paths that it serves: "/package.Service/Method". */
  readonly paths: ReadonlySet<string>;
  /** Those of them that stream. */
  readonly streamPaths: ReadonlySet<string>;
  /** Those of them that need no token: a probe cannot send one. */
  readonly openPaths: ReadonlySet<string>;
  /**
   * Serves a request on one of these paths. Its Host must be well-formed. The answer is written by `write`, piece by piece.
   * Rejects when the connection breaks before the answer is written, and for defects of the library.
   *
   * @param cause stands for the request where that is traced.
   * @returns Connect's word for how the call has ended, `ok` included.
   */
  handle(
    request: Request,
    response: Response,
    write: (bytes: Uint8Array) => Promise<void>,
    cause?: object,
  ): Promise<string>;
  /** Ends all calls with `unavailable`, those that come later too. */
  close(): void;
}

/** What the RPCs are made of. */
export interface RpcHandlerOptions extends MetadataHandlersOptions {
  readonly lifecycle: Lifecycle;
}

export function createRpcHandler(options: RpcHandlerOptions): RpcHandler {
  const shutdown = new AbortController();
  const acceptCompression = [compressionGzip, compressionBrotli];
  const router = createConnectRouter({
    readMaxBytes: RPC_LIMITS.readMaxBytes,
    writeMaxBytes: RPC_LIMITS.writeMaxBytes,
    compressMinBytes: COMPRESSION.minBytes,
    acceptCompression,
    requestGate: (context) => {
      refuseEnded(context);
      blameUndecodable(context);
    },
    shutdownSignal: shutdown.signal,
  });
  const services = [MetadataServiceDescriptor, Health];
  router.service(MetadataServiceDescriptor, createMetadataHandlers(options));
  router.service(
    Health,
    createHealthHandlers({
      lifecycle: options.lifecycle,
      services: services.map(({ typeName }) => typeName),
    }),
  );
  addReflection(router, { services });
  const handlers = new Map<string, UniversalHandler>(
    router.handlers.map((handler) => [handler.requestPath, handler]),
  );

  const encodeAnswer = createAnswerEncoder(options);
  const plain = { ...options, encodeAnswer, acceptCompression, shutdown: shutdown.signal };
  const quickWays = new Map([
    [READ_PATH, createQuickRead(plain)],
    [WATCH_PATH, createQuickWatch(plain)],
  ]);

  return {
    paths: new Set(handlers.keys()),
    streamPaths: new Set(
      [...handlers].filter(([, { method }]) => method.methodKind !== "unary").map(([path]) => path),
    ),
    openPaths: new Set([...handlers.keys()].filter((path) => path.startsWith(`/${Health.typeName}/`))),
    handle: async (request, response, write, cause) => {
      const path = request.url?.split("?", 1)[0] ?? "";
      const handler = handlers.get(path);
      if (handler === undefined) {
        throw new Error(`no RPC has the path ${path}`);
      }
      let rest: AsyncIterable<Uint8Array> | undefined;
      const answerQuickly = quickWays.get(path);
      const protocol = plainProtocol(request);
      if (answerQuickly && protocol && !shutdown.signal.aborted) {
        const answered = await answerQuickly({ protocol, request, response, write, cause });
        if (typeof answered === "string") {
          return answered;
        }
        rest = answered;
      }
      const values = cause && createContextValues().set(CAUSE, cause);
      const whole = universalRequestFromNodeRequest(request, response, undefined, values);
      limitTimeout(whole.header);
      limitType(whole.header);
      return await send(await handler(rest ? { ...whole, body: rest } : whole), response, write);
    },
    close: () => shutdown.abort(stoppingError()),
  };
}

/**
 * Makes a content type that is too long to be one of any RPC one that is short and none either: the library keeps those that it
 * has met, 1,024 for each method and protocol, whoever sent them.
 */
function limitType(headers: Headers): void {
  if ((headers.get("content-type") ?? "").length > RPC_LIMITS.typeCharacters) {
    headers.set("content-type", "application/octet-stream");
  }
}

/**
 * As the library sends it, but that the next message is made only when the last one was taken.
 *
 * @returns see {@link RpcHandler.handle}.
 */
async function send(
  { status, header, body, trailer }: UniversalServerResponse,
  response: Response,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<string> {
  const about = {
    status,
    contentType: header?.get("content-type") ?? "",
    grpcStatus: header?.get("grpc-status"),
  };
  let code = answerCode({ ...about, last: undefined });
  const messages = body?.[Symbol.asyncIterator]();
  try {
    // Headers come after the first message: until then, the call may set some.
    let message = await messages?.next();
    header?.forEach((value, name) => {
      response.setHeader(name, value);
    });
    // Explicitly: without a message, trailers would be lost otherwise.
    if ("stream" in response) {
      response.writeHead(status);
    } else {
      response.writeHead(status);
    }
    while (message?.done === false) {
      code = answerCode({ ...about, last: message.value });
      await write(message.value);
      // Not kept while the next one is waited for.
      message = undefined;
      message = await messages?.next();
    }
    if (trailer) {
      response.addTrailers(Object.fromEntries(trailer));
    }
    response.end();
    const grpcStatus = trailer?.get("grpc-status");
    return grpcStatus === undefined || grpcStatus === null
      ? code
      : answerCode({ ...about, grpcStatus, last: undefined });
  } finally {
    // Not waited for: what the call still does ends with its signal.
    messages?.return?.().catch(() => undefined);
  }
}
