// A TCP proxy that does to connections what networks do: delays, trickles, cuts, resets, silence. Loopback only.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** What happens to the bytes of one direction. */
export type FlowFault =
  /** Each piece arrives so much later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** So many bytes arrive at a time, with a pause after each. */
  | { readonly kind: "trickle"; readonly bytes: number; readonly pauseMs: number }
  /** After so many bytes both sides see the connection end. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** After so many bytes both sides see the connection reset. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** After so many bytes nothing arrives any more; the connection stays open until one side closes it. */
  | { readonly kind: "stall"; readonly afterBytes: number };

/** What happens to a connection. A direction that is absent is passed on as it is. */
export interface ConnectionFault {
  /** From the client to the server. */
  readonly up?: FlowFault;
  /** From the server to the client. */
  readonly down?: FlowFault;
}

/** Stands between clients and a server. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  /** Connections made from now on have this fault. Undefined: none. */
  use(fault: ConnectionFault | undefined): void;
  /** Ends everything. May be called twice. */
  close(): Promise<void>;
}

/** Starts one before a port of 127.0.0.1, for the running test. */
export async function startFaultProxy(port: number, fault?: ConnectionFault): Promise<FaultProxy> {
  const proxy = await openFaultProxy(port, fault);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** Starts one outside of tests. The caller closes it. */
export async function openFaultProxy(port: number, fault?: ConnectionFault): Promise<FaultProxy> {
  let current = fault;
  const pairs = new Set<Pair>();
  const over = new AbortController();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const behind = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const pair = [client, behind] as const;
    pairs.add(pair);
    const { up, down } = current ?? {};
    const ended = new AbortController();
    const carrying = [
      carry({ from: client, to: behind, pair, fault: up, signal: ended.signal }),
      carry({ from: behind, to: client, pair, fault: down, signal: ended.signal }),
    ];
    for (const socket of pair) {
      socket.on("error", () => socket.destroy());
      // A half that is closed for good takes the other one with it; a half that was ended does not.
      socket.once("close", () => {
        ended.abort();
        endBoth(pair);
        pairs.delete(pair);
      });
    }
    over.signal.addEventListener("abort", () => ended.abort(), { signal: ended.signal });
    // Each ends with its sockets, whatever ended those.
    void Promise.allSettled(carrying).then(() => endBoth(pair));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: ownPort } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    over.abort();
    const closed = once(server, "close");
    server.close();
    for (const [client, behind] of pairs) {
      client.destroy();
      behind.destroy();
    }
    await closed;
  };
  return {
    host: "127.0.0.1",
    port: ownPort,
    url: `http://127.0.0.1:${ownPort}`,
    use: (next) => {
      current = next;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

type Pair = readonly [client: Socket, behind: Socket];

interface Carrying {
  readonly from: Socket;
  readonly to: Socket;
  readonly pair: Pair;
  readonly fault: FlowFault | undefined;
  readonly signal: AbortSignal;
}

/** Passes on what comes, as the fault has it, until the end or until the sockets are gone. */
async function carry({ from, to, pair, fault, signal }: Carrying): Promise<void> {
  let left = fault !== undefined && "afterBytes" in fault ? fault.afterBytes : Number.POSITIVE_INFINITY;
  // The end of one direction is not the end of the socket.
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const passed = chunk.subarray(0, Math.min(chunk.length, left));
    left -= passed.length;
    if (fault?.kind === "delay") {
      await delay(fault.delayMs, undefined, { signal });
    }
    const size = fault?.kind === "trickle" ? fault.bytes : passed.length;
    for (let at = 0; at < passed.length; at += size) {
      await send(to, passed.subarray(at, at + size), signal);
      if (fault?.kind === "trickle") {
        await delay(fault.pauseMs, undefined, { signal });
      }
    }
    // A silent one is read on, so that its end is seen.
    if (left === 0 && fault?.kind !== "stall") {
      return fault?.kind === "reset" ? resetBoth(pair) : endBoth(pair);
    }
  }
  to.end();
}

async function send(to: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!to.write(bytes)) {
    await once(to, "drain", { signal });
  }
}

function endBoth(pair: Pair): void {
  for (const socket of pair) {
    socket.destroySoon();
  }
}

function resetBoth(pair: Pair): void {
  for (const socket of pair) {
    socket.resetAndDestroy();
  }
}
