// Requests and responses of HTTP/1.1 and HTTP/2, and the one way errors are written on plain routes and RPC paths.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

/** Why a request is not served. */
export interface Refusal {
  /** HTTP status. */
  readonly status: number;
  /** Connect's word for the kind of error. */
  readonly code: ErrorCode;
  /** For a person: what was wrong and what is allowed. */
  readonly message: string;
  /** For programs. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The codes used outside the RPC library, with the numbers that gRPC gives them. */
const GRPC_STATUS = {
  invalid_argument: 3,
  not_found: 5,
  permission_denied: 7,
  resource_exhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export type ErrorCode = keyof typeof GRPC_STATUS;

/** "/package.Service/Method": the paths that RPC protocols use. */
const RPC_PATH = /^\/[A-Za-z_][\w.]*\/[A-Za-z_]\w*$/;

/** The path of a request without its query. Empty when the target is not a path ("*", "http://..."). */
export function pathOf(request: Request): string {
  const url = request.url ?? "";
  return url.startsWith("/") ? (url.split("?", 1)[0] ?? "") : "";
}

/** Whether the request is made by an RPC client and must be answered in its protocol's own form. */
export function isRpc(request: Request): boolean {
  return pathOf(request).includes(".") && RPC_PATH.test(pathOf(request));
}

/** Sends a JSON text. The body is left out for HEAD. */
export function sendJson(
  request: Request,
  response: Response,
  status: number,
  json: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = { "content-type": "application/json" };
  sendBytes(request, response, status, Buffer.from(`${json}\n`), { ...type, ...headers });
}

/** Sends a body. It is left out for HEAD. @param headers with its type. */
export function sendBytes(
  request: Request,
  response: Response,
  status: number,
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
): void {
  sendHead(response, status, { ...headers, "content-length": String(body.length) });
  if (request.method === "HEAD") {
    response.end();
  } else {
    response.end(body);
  }
}

/** Sends an answer that has no body. */
export function sendEmpty(
  response: Response,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendHead(response, status, headers);
  response.end();
}

/** Sends an error in the form that the request's protocol has for it. */
export function sendRefusal(request: Request, response: Response, refusal: Refusal): void {
  const { status, code, message, details = null, headers = {} } = refusal;
  const contentType = request.headers["content-type"] ?? "";
  if (isRpc(request) && contentType.startsWith("application/grpc")) {
    // Trailers-Only: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
    const grpc = { "grpc-status": String(GRPC_STATUS[code]), "grpc-message": percentEncode(message) };
    sendEmpty(response, 200, { ...headers, ...grpc, "content-type": contentType });
  } else if (isRpc(request)) {
    sendJson(request, response, status, JSON.stringify({ code, message }), headers);
  } else {
    sendJson(request, response, status, JSON.stringify({ error: code, message, details }), headers);
  }
}

/** As gRPC wants it: all but visible ASCII and blanks; some clients decode no more than that. */
function percentEncode(text: string): string {
  return text.replaceAll(/[^\x20-\x24\x26-\x7e]+/g, (part) => encodeURIComponent(part.toWellFormed()));
}

/** Sets status and headers, which are sent with what is written first. */
export function sendHead(
  response: Response,
  status: number,
  headers: Readonly<Record<string, string>>,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, value);
  }
}
