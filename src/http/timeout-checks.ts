// Node's check for HTTP/1.1 requests that arrive too slowly runs at every interval, and wakes a process that has nothing to
// do. Here it runs only while a request can be arriving.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpLimits } from "./limits.ts";

/** A request and the answer to it that is being made. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The longest that a timer can be set to, in milliseconds: almost 25 days. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Nothing tells when the first bytes of a next request come. While all connections are silent it is looked after them once in
 * this part of the time that a head may take: so a late one is found as soon as if it had been waited for.
 */
const LOOK_SHARE = 0.6;

/**
 * Runs the check of a server that is fed connections and never listens. Call the result when an answer was sent, because the
 * next request on its connection may be arriving, and when a head has come, because its body may be.
 *
 * @param latest the exchange on a connection that began last.
 */
export function checkTimeoutsWhenNeeded(
  server: Server,
  limits: Pick<HttpLimits, "timeoutCheckIntervalMs" | "headersTimeoutMs">,
  latest: (socket: Socket) => Exchange | undefined,
): () => void {
  const { timeoutCheckIntervalMs: intervalMs, headersTimeoutMs } = limits;
  /** A head that has begun is complete or refused after so many checks. */
  const enough = Math.ceil(headersTimeoutMs / intervalMs) + 2;
  const sockets = new Set<Socket>();
  /** Of connections between two requests: how many bytes had come, and at how many checks in a row. */
  const between = new WeakMap<Socket, { readonly bytes: number; readonly checks: number }>();
  let checks: NodeJS.Timeout | undefined;
  let looks: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** Node begins its check when it hears that the server listens, again each time, with the interval that stands here. */
  const checkEvery = (ms: number): void => {
    Object.assign(server, { connectionsCheckingInterval: ms });
    server.emit("listening");
  };
  const isBetween = (socket: Socket): boolean => {
    const exchange = latest(socket);
    return exchange?.request.complete === true && exchange.response.closed;
  };
  /** While a whole request is being answered, none can be late: its client waits, or sends the next one ahead of time. */
  const mayBeArriving = (socket: Socket): boolean => {
    if (!isBetween(socket)) {
      return latest(socket)?.request.complete !== true;
    }
    const bytes = socket.bytesRead;
    const before = between.get(socket);
    const count = before?.bytes === bytes ? before.checks + 1 : 0;
    between.set(socket, { bytes, checks: count });
    return count < enough;
  };
  const stop = (): void => {
    clearInterval(checks);
    clearInterval(looks);
    checks = undefined;
    looks = undefined;
  };
  const look = (): void => {
    const silent = [...sockets].filter(isBetween);
    if (silent.some((socket) => between.get(socket)?.bytes !== socket.bytesRead)) {
      begin();
    } else if (silent.length === 0) {
      stop();
    }
  };
  const check = (): void => {
    // Each one is asked, because that counts.
    if ([...sockets].filter(mayBeArriving).length === 0) {
      stop();
      checkEvery(NEVER_MS);
      looks = setInterval(look, headersTimeoutMs * LOOK_SHARE).unref();
    }
  };
  const begin = (): void => {
    if (checks === undefined && !isClosed) {
      stop();
      checkEvery(intervalMs);
      // In the same turn as Node's. Ends late rather than at once, so that it need not begin and end with every request.
      checks = setInterval(check, intervalMs).unref();
    }
  };

  // Node's own listener takes what the check works on from the server when it gets a connection.
  server.prependListener("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    begin();
  });
  server.once("close", () => {
    isClosed = true;
    stop();
  });
  return begin;
}
