// Peers that are no metadata service, or stand between one and its client. Loopback only, gone after the test.

import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A TCP server that does with each connection what the test says. @returns its address as `http://host:port`. */
export async function startPeer(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  return await listen(server, () => {
    for (const socket of sockets) {
      socket.destroy();
    }
  });
}

/** Accepts and says nothing. */
export const startSilentPeer = (): Promise<string> => startPeer((socket) => void socket.resume());

/** Answers what is no protocol. */
export const startNonsensePeer = (): Promise<string> =>
  startPeer((socket) => {
    socket.on("data", () => socket.write(`${"nonsense ".repeat(8)}\r\n\r\n`));
  });

/** Answers every HTTP/1.1 request with this status and nothing else. */
export async function startStatusPeer(status: number): Promise<string> {
  const server = createHttpServer((_, response) => {
    response.statusCode = status;
    response.end();
  });
  return await listen(server, () => server.closeAllConnections());
}

/** An address that nothing listens on. */
export async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** Stands between a client and a server. */
export interface Wire {
  readonly url: string;
  /** How many connections clients have made. */
  connections(): number;
  /** How many of them are open. */
  open(): number;
  /** Breaks all that are open. */
  cut(): void;
  /** Passes nothing on any more on those that are open. */
  freeze(): void;
}

export async function startWire(port: number): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let connections = 0;
  const url = await startPeer((socket) => {
    connections += 1;
    const behind = connect({ port, host: "127.0.0.1" });
    const pair = [socket, behind] as const;
    pairs.add(pair);
    behind.on("error", () => socket.destroy());
    socket.once("close", () => {
      pairs.delete(pair);
      behind.destroy();
    });
    behind.once("close", () => socket.destroy());
    socket.pipe(behind);
    behind.pipe(socket);
  });
  return {
    url,
    connections: () => connections,
    open: () => pairs.size,
    cut: () => {
      for (const [socket] of pairs) {
        socket.destroy();
      }
    },
    freeze: () => {
      for (const [socket, behind] of pairs) {
        socket.unpipe(behind);
        behind.unpipe(socket);
        socket.resume();
        behind.resume();
      }
    },
  };
}

async function listen(server: Server, drop: () => void): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    drop();
    await closed;
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
