// Sockets: one port for HTTP/1.1 and cleartext HTTP/2, told apart by the 24 bytes that every HTTP/2 client sends first
// (RFC 9113, 3.4). Knows nothing of routes.

import { createServer, type Server as Http1Server, type RequestListener } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HTTP_LIMITS } from "./limits.ts";
import { type Request, type Response, SECURITY_HEADERS } from "./message.ts";

/** Where to listen: a host and a port (0: any free one), or the path of a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What serves requests. `localAddress` is undefined on a Unix socket. Must not throw. */
export type RequestHandler = (request: Request, response: Response, localAddress: string | undefined) => void;

/** Something listening. */
export interface Listener {
  /** @returns where it listens, with the real port. @throws the system's error when it cannot. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /**
   * Accepts no more connections and streams, lets open requests finish, and ends what is still open after `graceMs`.
   */
  close(graceMs: number): Promise<void>;
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Makes a listener that hands every request of either protocol to one handler. */
export function createListener(handler: RequestHandler): Listener {
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const localAddresses = new WeakMap<object, string | undefined>();

  /** "" when it is not known any more, which no host equals. */
  const localAddressOf = (connection: object | undefined): string | undefined =>
    typeof tcp.address() === "string" ? undefined : ((connection && localAddresses.get(connection)) ?? "");

  const http1 = createHttp1((request, response) => {
    response.once("finish", () => {
      if (!tcp.listening) {
        request.socket.end();
      }
    });
    handler(request, response, localAddressOf(request.socket));
  });
  const http2 = createHttp2((session) => {
    sessions.add(session);
    localAddresses.set(session, session.socket.localAddress);
    session.once("close", () => sessions.delete(session));
  });
  http2.on("request", (request, response) => {
    handler(request, response, localAddressOf(request.stream.session));
  });

  const tcp: Server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A connection that breaks has no request to answer; without a listener its error would end the process.
    socket.on("error", () => socket.destroy());
    localAddresses.set(socket, socket.localAddress);
    detectProtocol(socket, (isHttp2) => {
      socket.allowHalfOpen = !isHttp2;
      (isHttp2 ? http2 : http1).emit("connection", socket);
    });
  });
  tcp.maxConnections = HTTP_LIMITS.connections;

  return {
    listen: (address) => listen(tcp, http1, address),
    close: (graceMs) => close(tcp, http1, sockets, sessions, graceMs),
  };
}

function createHttp1(onRequest: RequestListener): Http1Server {
  const server = createServer({
    maxHeaderSize: HTTP_LIMITS.headerBytes,
    headersTimeout: HTTP_LIMITS.headersTimeoutMs,
    requestTimeout: HTTP_LIMITS.requestTimeoutMs,
    connectionsCheckingInterval: HTTP_LIMITS.timeoutCheckIntervalMs,
    keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
    // The guard answers a missing Host, with the headers that every answer has.
    requireHostHeader: false,
  });
  server.on("request", onRequest);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseConnection(error, socket));
  return server;
}

function createHttp2(onSession: (session: ServerHttp2Session) => void): Http2Server {
  const server = createHttp2Server({
    maxSessionMemory: HTTP_LIMITS.sessionMemoryMb,
    maxHeaderListPairs: 128,
    settings: {
      maxConcurrentStreams: HTTP_LIMITS.streamsPerSession,
      maxHeaderListSize: HTTP_LIMITS.headerBytes,
    },
  });
  server.on("session", (session) => {
    onSession(session);
    session.on("error", () => session.destroy());
    const settingsTimer = setTimeout(() => session.destroy(), HTTP_LIMITS.prefaceTimeoutMs);
    session.once("remoteSettings", () => clearTimeout(settingsTimer));
    session.once("close", () => clearTimeout(settingsTimer));
    let streams = 0;
    session.on("stream", (stream) => {
      streams += 1;
      stream.once("close", () => {
        streams -= 1;
      });
    });
    session.setTimeout(HTTP_LIMITS.idleSessionTimeoutMs, () => {
      if (streams === 0) {
        session.close();
      }
    });
  });
  server.on("sessionError", () => undefined);
  return server;
}

/** Reads as much of a new connection as it takes to know its protocol, and gives it back unread. */
function detectProtocol(socket: Socket, onDetected: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), HTTP_LIMITS.prefaceTimeoutMs);
  const forget = (): void => {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", forget);
  };
  const onEnd = (): void => {
    forget();
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    seen = Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, PREFACE.length);
    const matches = seen.subarray(0, compared).equals(PREFACE.subarray(0, compared));
    if (matches && compared < PREFACE.length) {
      return;
    }
    forget();
    socket.pause();
    socket.unshift(seen);
    onDetected(matches);
    if (!matches) {
      socket.resume();
    }
  };
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("close", forget);
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [line: string, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    "431 Request Header Fields Too Large",
    "resource_exhausted",
    `the head of the request is longer than ${HTTP_LIMITS.headerBytes} bytes`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    "408 Request Timeout",
    "deadline_exceeded",
    "the request took too long to arrive",
  ],
};

/** Answers what is not HTTP at all, or came too slowly: there is no request and no response object for it. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): void {
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

function listen(tcp: Server, http1: Http1Server, address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    tcp.once("error", reject);
    tcp.listen({ ...address }, () => {
      tcp.off("error", reject);
      // Out of file descriptors: the connection is lost, not the server.
      tcp.on("error", () => undefined);
      // A server that is only fed connections does not check its timeouts until it is told that it listens.
      http1.emit("listening");
      const bound: AddressInfo | string | null = tcp.address();
      resolve(typeof bound === "object" && bound ? { host: bound.address, port: bound.port } : address);
    });
  });
}

async function close(
  tcp: Server,
  http1: Http1Server,
  sockets: ReadonlySet<Socket>,
  sessions: ReadonlySet<ServerHttp2Session>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => tcp.close(() => resolve()));
  http1.close();
  http1.closeIdleConnections();
  for (const session of sessions) {
    session.close();
  }
  const timer = setTimeout(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
  }, graceMs);
  await closed;
  clearTimeout(timer);
}
