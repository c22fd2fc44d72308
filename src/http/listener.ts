// Sockets: one port for HTTP/1.1 and HTTP/2, cleartext or over TLS. Knows nothing of routes.

import { lstat, unlink } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer, type SecureContextOptions } from "node:tls";
import { detectProtocol } from "./detect-protocol.ts";
import { createHttp1 } from "./http1.ts";
import { createHttp2 } from "./http2.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import type { Request, Response } from "./message.ts";
import { giveUpVanished } from "./vanished.ts";

/** Where to listen: a host and a port (0: any free one), or the path of a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What serves requests. `localAddress` is undefined on a Unix socket. Must not throw. */
export type RequestHandler = (request: Request, response: Response, localAddress: string | undefined) => void;

/** What TLS is served with. Both PEM. */
export interface TlsIdentity {
  /** The certificate, followed by those that lead to the root, if any. */
  readonly cert: string;
  readonly key: string;
}

/** Something listening. */
export interface Listener {
  /** @returns where it listens, with the real port. @throws the system's error when it cannot. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /**
   * Serves TLS with another certificate from now on; connections that are open keep the one that they began with. Nothing
   * happens in cleartext.
   *
   * @throws when `tls` is not a certificate and its key; then everything is as it was.
   */
  renew(tls: TlsIdentity): void;
  /**
   * Accepts no more connections and streams, lets open requests finish, and ends what is still open after `graceMs`.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Makes a listener that hands every request of either protocol to one handler.
 *
 * @param tls - Absent: cleartext.
 * @throws when `tls` is not a certificate and its key.
 */
export function createListener(
  handler: RequestHandler,
  limits: HttpLimits = HTTP_LIMITS,
  tls?: TlsIdentity,
): Listener {
  const sockets = new Set<Socket>();
  /** Those on which nobody waits for an answer: no request has arrived yet, or all are answered. Not those of HTTP/2. */
  const silent = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  let onUnixSocket = false;
  const localAddresses = new WeakMap<object, string | undefined>();

  /** "" when it is not known any more, which no host equals. */
  const localAddressOf = (connection: object | undefined): string | undefined =>
    onUnixSocket ? undefined : ((connection && localAddresses.get(connection)) ?? "");

  /** Those of HTTP/1.1 with requests that are not answered yet, or not to the end, and how many. */
  const openRequests = new Map<Socket, number>();
  const countRequests = (socket: Socket, change: 1 | -1): void => {
    const open = (openRequests.get(socket) ?? 0) + change;
    if (open > 0) {
      openRequests.set(socket, open);
      silent.delete(socket);
    } else {
      openRequests.delete(socket);
      if (sockets.has(socket)) {
        silent.add(socket);
      }
    }
  };
  const vanished = giveUpVanished(openRequests, limits.resendCheckMs);
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    countRequests(request.socket, 1);
    response.once("close", () => countRequests(request.socket, -1));
    response.once("finish", () => {
      // This one is counted until it closes; those behind it are to be answered, too.
      if (!tcp.listening && openRequests.get(request.socket) === 1) {
        request.socket.end();
      }
    });
    handler(request, response, localAddressOf(request.socket));
  };
  const http1 = createHttp1(limits, onRequest, vanished.sent);
  const onSession = (session: ServerHttp2Session): void => {
    sessions.add(session);
    localAddresses.set(session, session.socket.localAddress);
    session.once("close", () => sessions.delete(session));
  };
  const http2 = createHttp2(limits, onSession, (request, response) => {
    handler(request, response, localAddressOf(request.stream.session));
  });

  const options = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: limits.keepAliveProbeMs,
  };
  const follow = (socket: Socket): void => {
    sockets.add(socket);
    silent.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      silent.delete(socket);
      openRequests.delete(socket);
    });
    // A connection that breaks has no request to answer; without a listener its error would end the process.
    socket.on("error", () => socket.destroy());
  };
  /** Connections that have not finished their TLS handshake, by their peer. */
  const handshakes = new Map<string, Socket>();
  const serve = (socket: Socket): void => {
    handshakes.delete(peerOf(socket));
    follow(socket);
    localAddresses.set(socket, socket.localAddress);
    detectProtocol(socket, limits.prefaceTimeoutMs, (isHttp2) => {
      if (isHttp2) {
        silent.delete(socket);
      }
      socket.allowHalfOpen = !isHttp2;
      (isHttp2 ? http2 : http1).emit("connection", socket);
    });
  };
  const secure =
    tls === undefined
      ? undefined
      : createTlsServer(
          {
            ...options,
            ...secureContext(tls),
            ALPNProtocols: ["h2", "http/1.1"],
            handshakeTimeout: limits.prefaceTimeoutMs,
          },
          serve,
        );
  const tcp: Server = secure ?? createTcpServer(options, serve);
  if (secure !== undefined) {
    tcp.on("connection", (socket: Socket) => {
      const peer = peerOf(socket);
      handshakes.set(peer, socket);
      socket.once("close", () => handshakes.delete(peer));
    });
    tcp.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  }
  tcp.maxConnections = limits.connections;
  tcp.once("close", vanished.stop);

  return {
    listen: async (address) => {
      onUnixSocket = "path" in address;
      try {
        return await listen(tcp, address);
      } catch (error) {
        if (!("path" in address) || !(await isLeftOver(error, address.path))) {
          throw error;
        }
        await unlink(address.path);
        return await listen(tcp, address);
      }
    },
    renew: (identity) => secure?.setSecureContext(secureContext(identity)),
    close: async (graceMs) => {
      const closed = new Promise<void>((resolve) => tcp.close(() => resolve()));
      http1.close();
      // What has arrived meanwhile is read first.
      setImmediate(() => {
        destroyAll(silent);
        destroyAll(handshakes.values());
      });
      for (const session of sessions) {
        session.close();
      }
      const timer = setTimeout(() => destroyAll(sockets), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function secureContext({ cert, key }: TlsIdentity): SecureContextOptions {
  return { cert, key, minVersion: "TLSv1.2" };
}

function listen(tcp: Server, address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    tcp.once("error", reject);
    tcp.listen({ ...address }, () => {
      tcp.off("error", reject);
      // Out of file descriptors: the connection is lost, not the server.
      tcp.on("error", () => undefined);
      const bound: AddressInfo | string | null = tcp.address();
      resolve(typeof bound === "object" && bound ? { host: bound.address, port: bound.port } : address);
    });
  });
}

/** Whether a Unix socket is in the way that a server left behind which did not end by itself: nobody accepts on it. */
async function isLeftOver(error: unknown, path: string): Promise<boolean> {
  if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) {
    return false;
  }
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect({ path, timeout: 1_000 });
  probe.once("connect", () => resolve(false));
  probe.once("timeout", () => resolve(false));
  probe.once("error", (refusal: NodeJS.ErrnoException) => resolve(refusal.code === "ECONNREFUSED"));
  const isLeft = await promise;
  probe.destroy();
  return isLeft && (await lstat(path)).isSocket();
}

/** Tells the open connections of one port apart. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) {
    socket.destroy();
  }
}
