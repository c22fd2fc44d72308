// The HTTP/1.1 side of a port: how requests come in, and what is answered to what is not a request.

import { createServer, type RequestListener, type Server } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpLimits } from "./limits.ts";
import { SECURITY_HEADERS } from "./message.ts";

/** Makes a server that is fed connections and never listens itself. */
export function createHttp1(limits: HttpLimits, onRequest: RequestListener): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // The guard answers a missing Host, with the headers that every answer has.
    requireHostHeader: false,
  });
  server.on("request", onRequest);
  // Without these, Node answers them itself: before the guard, and without the headers that every answer has.
  server.on("checkContinue", onRequest);
  server.on("checkExpectation", onRequest);
  server.on("connect", (_request, socket) => refuseConnection({}, socket));
  server.on("clientError", refuseConnection);
  return server;
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [line: string, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    "431 Request Header Fields Too Large",
    "resource_exhausted",
    "the head of the request is too long",
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    "408 Request Timeout",
    "deadline_exceeded",
    "the request took too long to arrive",
  ],
};

/** Answers what is not HTTP at all, or came too slowly: there is no request and no response object for it. */
function refuseConnection(error: { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const fallback = ["400 Bad Request", "invalid_argument", "this is not a well-formed HTTP request"] as const;
  const [line, code, message] = CLIENT_ERRORS[error.code ?? ""] ?? fallback;
  const body = `${JSON.stringify({ error: code, message, details: null })}\n`;
  const head = [
    `HTTP/1.1 ${line}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    "Cache-Control: no-store",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
