// One HTTP/2 connection of a client, opened when it is needed and again when it broke. The library's own manager lets
// the process die of an error that a connection reports after it was given up, so it cannot be used on peers unknown.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectSocket } from "node:net";

/** A connection that carried nothing for so long is tried with a PING before it is used again, in milliseconds. */
const PING_AFTER_MS = 30_000;

/** How long that PING may take, in milliseconds. */
const PING_TIMEOUT_MS = 2_000;

/** As the transport of gRPC takes it. */
export interface Http2Connection {
  readonly authority: string;
  request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream>;
  notifyResponseByteRead(stream: ClientHttp2Stream): void;
  /** Ends the connection at once. A later request opens another one. */
  close(): void;
}

export function createHttp2Connection(authority: string, socketPath: string | undefined): Http2Connection {
  /** The connection for new requests. Those before it live on until their streams are over. */
  let current: Promise<ClientHttp2Session> | undefined;
  let aliveAtMs = performance.now();
  /** All that are open, with the number of their streams. */
  const sessions = new Map<ClientHttp2Session, number>();

  function open(): Promise<ClientHttp2Session> {
    const session = connectHttp2(
      authority,
      socketPath === undefined ? {} : { createConnection: () => connectSocket(socketPath) },
    );
    sessions.set(session, 0);
    const opened = new Promise<ClientHttp2Session>((resolve, reject) => {
      // This listener stays, whatever becomes of the connection: an error without one ends the process.
      session.on("error", reject);
      session.once("connect", () => {
        session.unref();
        aliveAtMs = performance.now();
        resolve(session);
      });
      session.once("close", () => {
        sessions.delete(session);
        forget();
        reject(new Error("the connection was closed"));
      });
    });
    const forget = (): void => {
      if (current === opened) {
        current = undefined;
      }
    };
    session.once("goaway", forget);
    opened.catch(forget);
    return opened;
  }

  async function usable(): Promise<ClientHttp2Session> {
    current ??= open();
    const wanted = current;
    const session = await wanted;
    if (await isAlive(session)) {
      return session;
    }
    session.destroy();
    if (current === undefined || current === wanted) {
      current = open();
    }
    return await current;
  }

  async function isAlive(session: ClientHttp2Session): Promise<boolean> {
    if (session.closed || session.destroyed) {
      return false;
    }
    return performance.now() - aliveAtMs < PING_AFTER_MS || (await answersPing(session));
  }

  /** Streams keep the process alive, idle connections do not. */
  function count(session: ClientHttp2Session, by: 1 | -1): void {
    const before = sessions.get(session);
    if (before === undefined || session.destroyed) {
      return;
    }
    sessions.set(session, before + by);
    if (before + by === 0) {
      session.unref();
    } else if (before === 0) {
      session.ref();
    }
  }

  return {
    authority,
    async request(method, path, headers, options) {
      const session = await usable();
      const stream = session.request({ ...headers, ":method": method, ":path": path }, options);
      count(session, 1);
      stream.once("close", () => count(session, -1));
      return stream;
    },
    notifyResponseByteRead() {
      aliveAtMs = performance.now();
    },
    close() {
      current = undefined;
      for (const session of [...sessions.keys()]) {
        session.destroy();
      }
    },
  };
}

function answersPing(session: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PING_TIMEOUT_MS);
    session.ping((error) => {
      clearTimeout(timer);
      resolve(error === null);
    });
  });
}
