// What each protocol says around the messages of a plain call: in the head of the request and of the answer, and at the end of a stream.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import { createEndStreamSerialization, endStreamFlag } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { answerCode } from "./answer-code.ts";
import { inEnvelope } from "./envelope.ts";

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

export interface PlainProtocol {
  /** Of a plain request: the library knows more. */
  readonly requestTypes: readonly string[];
  readonly answerType: string;
  /** Names of the headers, of requests and of answers. */
  readonly headers: {
    readonly encoding: string;
    readonly acceptEncoding: string;
    readonly timeout: string;
  };
  /**
   * Ends a stream.
   *
   * @returns Connect's word for how the call has ended.
   */
  endStream(
    response: Response,
    write: (bytes: Uint8Array) => Promise<void>,
    error: ConnectError | undefined,
  ): Promise<string>;
}

const GRPC_HEADERS = {
  encoding: "grpc-encoding",
  acceptEncoding: "grpc-accept-encoding",
  timeout: "grpc-timeout",
};

export const GRPC: PlainProtocol = {
  requestTypes: ["application/grpc", "application/grpc+proto"],
  answerType: "application/grpc+proto",
  headers: GRPC_HEADERS,
  endStream: async (response, _write, error) => {
    // Explicitly: without a message, trailers would be lost otherwise.
    if ("stream" in response && !response.headersSent) {
      response.writeHead(200);
    }
    const trailers = setTrailerStatus(new Headers(), error);
    response.addTrailers(Object.fromEntries(trailers));
    response.end();
    const grpcStatus = trailers.get("grpc-status");
    return answerCode({ status: 200, contentType: GRPC.answerType, grpcStatus, last: undefined });
  },
};

const GRPC_WEB: PlainProtocol = {
  requestTypes: ["application/grpc-web", "application/grpc-web+proto"],
  answerType: "application/grpc-web+proto",
  headers: GRPC_HEADERS,
  endStream: (response, write, error) => {
    const trailers = trailerSerialize(setTrailerStatus(new Headers(), error));
    return endWithMessage(inEnvelope([trailers], trailerFlag), GRPC_WEB, response, write);
  },
};

const connectEnd = createEndStreamSerialization(undefined);

const CONNECT: PlainProtocol = {
  requestTypes: ["application/connect+proto"],
  answerType: "application/connect+proto",
  headers: {
    encoding: "connect-content-encoding",
    acceptEncoding: "connect-accept-encoding",
    timeout: "connect-timeout-ms",
  },
  endStream: (response, write, error) => {
    const end = connectEnd.serialize({ metadata: new Headers(), ...(error && { error }) });
    return endWithMessage(inEnvelope([end], endStreamFlag), CONNECT, response, write);
  },
};

/** The protocol of a call that is plain by its head. */
export function plainProtocol(request: Request): PlainProtocol | undefined {
  const type = request.headers["content-type"] ?? "";
  const protocol = [GRPC, GRPC_WEB, CONNECT].find(({ requestTypes }) => requestTypes.includes(type));
  const encoding = protocol && request.headers[protocol.headers.encoding];
  const isPlain =
    request.method === "POST" &&
    (encoding === undefined || encoding === "identity") &&
    // gRPC ends in trailers, which need HTTP/2 here.
    (protocol !== GRPC || "stream" in request);
  return isPlain ? protocol : undefined;
}

/** The compression that a caller takes answers in, as the library chooses it. Null: none. */
export function acceptedCompression(
  request: Request,
  { headers }: PlainProtocol,
  known: readonly Compression[],
): Compression | null {
  const accepted = request.headers[headers.acceptEncoding];
  const given = typeof accepted === "string" ? accepted : null;
  return compressionNegotiate([...known], null, given, headers.acceptEncoding).response;
}

/** Ends an answer with a message that says how. */
async function endWithMessage(
  last: Uint8Array,
  { answerType: contentType }: PlainProtocol,
  response: Response,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<string> {
  await write(last);
  response.end();
  return answerCode({ status: 200, contentType, grpcStatus: undefined, last });
}
