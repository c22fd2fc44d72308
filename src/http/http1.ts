// The HTTP/1.1 side of a port: how requests come in, and what is answered to what is not a request.

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { SECURITY_HEADERS } from "./guard/security-headers.ts";
import type { HttpLimits } from "./limits.ts";
import { endPaced } from "./outflow.ts";
import { checkTimeoutsWhenNeeded, type Exchange } from "./timeout-checks.ts";
import { createTurns } from "./turns.ts";

/**
 * Makes a server that is fed connections and never listens itself.
 *
 * @param onSent hears when an answer's turn comes on its connection, and of each piece of it.
 */
export function createHttp1(limits: HttpLimits, onRequest: RequestListener, onSent: () => void): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // The guard answers a missing Host, with the headers that every answer has.
    requireHostHeader: false,
    ServerResponse: pacedResponse(limits.writeStallMs, onSent),
  });
  const latest = new WeakMap<Duplex, Exchange>();
  const takeTurn = createTurns(limits.pipelinedRequests);
  const checkTimeouts = checkTimeoutsWhenNeeded(server, limits, (socket) => latest.get(socket));
  const serve: RequestListener = (request, response) => {
    latest.set(request.socket, { request, response });
    response.once("close", checkTimeouts);
    if ("content-length" in request.headers || "transfer-encoding" in request.headers) {
      // Its body may come slowly, on a connection that was silent or whose last request is still being answered.
      checkTimeouts();
    }
    // connect-node listens until the response closes. That of a pipelined request closes before the request hears that the
    // connection broke, and an error without a listener ends the process.
    request.on("error", () => undefined);
    takeTurn(request.socket, response, () => onRequest(request, response));
  };
  server.on("request", serve);
  // Without these, Node answers them itself: before the guard, and without the headers that every answer has.
  server.on("checkContinue", serve);
  server.on("checkExpectation", serve);
  server.on("connect", (_request, socket) => refuse(undefined, socket));
  server.on("clientError", ({ code }: NodeJS.ErrnoException, socket) => {
    const { request, response } = latest.get(socket) ?? {};
    const isAnswered = response === undefined || (response.closed && request?.complete === true);
    // An earlier answer is still under way: nothing else belongs among its bytes.
    const isBehind = response?.closed === false && response.socket === null && request?.complete === false;
    if (code === "ECONNRESET" || isBehind) {
      socket.destroy();
    } else if (isAnswered || !(request?.complete || response.headersSent)) {
      refuse(code, socket);
    } else if (request?.complete && code === "HPE_INVALID_EOF_STATE") {
      // Its client has ended its side within the next head. Node does the same between two requests.
      socket.end();
    } else if (request?.complete) {
      // What came behind a whole request is wrong: that one is answered all the same, and nothing among its bytes.
      response.once("close", () => socket.destroy());
    } else {
      // A body that goes wrong after its request was answered, wholly or in part.
      socket.destroy();
    }
  });
  return server;
}

/** The class of responses whose readers are cut off when they take nothing of an answer for so long. */
function pacedResponse(writeStallMs: number, onSent: () => void): typeof ServerResponse {
  return class<R extends IncomingMessage> extends ServerResponse<R> {
    override assignSocket(socket: Socket): void {
      // What waited for the answer in front of it goes out now.
      onSent();
      super.assignSocket(socket);
    }

    override write(...args: unknown[]): boolean {
      onSent();
      return Reflect.apply(super.write, this, args);
    }

    override end(...args: unknown[]): this {
      onSent();
      endPaced(this, args, writeStallMs, (last, taken) => super.end(last, taken));
      return this;
    }
  };
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

/** How long a refused client may take to read the answer and close, in milliseconds. */
const LINGER_MS = 1_000;

/**
 * Answers what is not HTTP at all, or came too slowly: there is no request and no response object for it. What the client
 * goes on sending is read and dropped, because closing on unread bytes would reset the connection and lose the answer.
 */
function refuse(errorCode: string | undefined, socket: Duplex): void {
  if (!socket.writable) {
    return;
  }
  const fallback = ["400 Bad Request", "invalid_argument", "this is not a well-formed HTTP request"] as const;
  const [line, code, message] = CLIENT_ERRORS[errorCode ?? ""] ?? fallback;
  const body = `${JSON.stringify({ error: code, message, details: null })}\n`;
  const head = [
    `HTTP/1.1 ${line}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
  socket.resume();
}
