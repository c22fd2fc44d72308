// Bounds what one HTTP/1.1 connection can have going on: requests may be sent before those in front of them are answered
// (pipelining, RFC 9112, 9.3.2), and each that is served holds memory, a watch perhaps, for as long as its answer waits.

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

interface Turns {
  open: number;
  /** What came behind that, in its order. */
  readonly held: (() => void)[];
}

/** How many requests of a connection may wait for their turn: more than a client has use for, less than costs anything. */
const MAX_HELD = 1_000;

/** Serves a request now, or when fewer of its connection are open. Never when the connection is gone by then. */
export type TakeTurn = (socket: Socket, response: ServerResponse, serve: () => void) => void;

/** @param limit how many requests of a connection are served at a time. One on which very many more wait is closed. */
export function createTurns(limit: number): TakeTurn {
  const connections = new WeakMap<Socket, Turns>();
  return (socket, response, serve) => {
    const turns = connections.get(socket) ?? { open: 0, held: [] };
    connections.set(socket, turns);
    const begin = (): void => {
      turns.open += 1;
      response.once("close", () => {
        turns.open -= 1;
        if (!socket.destroyed) {
          turns.held.shift()?.();
        }
      });
      serve();
    };
    if (turns.open < limit) {
      begin();
    } else if (turns.held.length < MAX_HELD) {
      turns.held.push(begin);
    } else {
      // Not read any further instead, the connection would not tell when its client has gone.
      socket.destroy();
    }
  };
}
