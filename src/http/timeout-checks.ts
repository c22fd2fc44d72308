// Node's check for HTTP/1.1 requests that arrive too slowly runs at every interval, and wakes a process that has nothing to
// do. Here it runs only while a request can be arriving.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** A request and the answer to it that is being made. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The longest that a timer can be set to, in milliseconds: almost 25 days. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Runs the check of a server that is fed connections and never listens. Call the result when an answer was sent, because the
 * next request on its connection may be arriving.
 *
 * @param latest the exchange on a connection that began last.
 */
export function checkTimeoutsWhenNeeded(
  server: Server,
  intervalMs: number,
  latest: (socket: Duplex) => Exchange | undefined,
): () => void {
  const sockets = new Set<Duplex>();
  let own: NodeJS.Timeout | undefined;
  let isClosed = false;

  /** Node begins its check when it hears that the server listens, again each time, with the interval that stands here. */
  const checkEvery = (ms: number): void => {
    Object.assign(server, { connectionsCheckingInterval: ms });
    server.emit("listening");
  };
  /** While a whole request is being answered, none can be late: its client waits, or sends the next one ahead of time. */
  const isNeeded = (): boolean =>
    [...sockets].some((socket) => {
      const exchange = latest(socket);
      return !exchange?.request.complete || exchange.response.closed;
    });
  const stop = (): void => {
    clearInterval(own);
    own = undefined;
  };
  const begin = (): void => {
    if (own === undefined && !isClosed) {
      checkEvery(intervalMs);
      // In the same turn as Node's. Ends late rather than at once, so that it need not begin and end with every request.
      own = setInterval(() => {
        if (!isNeeded()) {
          stop();
          checkEvery(NEVER_MS);
        }
      }, intervalMs).unref();
    }
  };

  // Node's own listener takes what the check works on from the server when it gets a connection.
  server.prependListener("connection", (socket: Duplex) => {
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
