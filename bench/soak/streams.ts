// Streams of every kind: read for a while, dropped at once, not read at all, and over a network that breaks.

import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createMetadataClient, type MetadataClient, watchMetadata } from "../../src/client/index.ts";
import type { ConnectionFault } from "../../test/helpers/fault-proxy.ts";
import { type Actor, DEADLINE_MS, pause, pick, repeat, say } from "./actor.ts";
import type { Scene } from "./scene.ts";

const PROTOCOLS = ["connect", "grpc", "grpc-web"] as const;
const LONGEST_MS = 6_000;
/** A change is told within this time, whatever else is going on. */
const CONVERGED_MS = 10_000;

/** Opens a stream, reads it for a while, and drops it; every fourth one before its first message. */
export const dropStreams: Actor = (scene, signal) =>
  repeat(scene, signal, 100, async (round) => {
    const protocol = pick(scene.random, PROTOCOLS);
    const isDropped = round % 4 === 3;
    const kind = `${protocol}: WatchMetadata, ${isDropped ? "dropped at once" : "read for a while"}`;
    const client = createMetadataClient(scene.server.url, { protocol });
    const lastsMs = isDropped ? scene.random() * 10 : scene.random() * LONGEST_MS;
    await readStream({ scene, client, kind, lastsMs, isDropped, signal });
    client.close();
  });

interface Reading {
  readonly scene: Scene;
  readonly client: MetadataClient;
  readonly kind: string;
  readonly lastsMs: number;
  readonly isDropped: boolean;
  readonly signal: AbortSignal;
}

async function readStream({ scene, client, kind, lastsMs, isDropped, signal }: Reading): Promise<void> {
  const dropped = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(lastsMs))]);
  const openedMs = performance.now();
  let messages = 0;
  try {
    for await (const _ of client.watchMetadata({}, { signal: dropped, timeoutMs: 0 })) {
      messages += 1;
    }
    if (!dropped.aborted) {
      scene.ledger.unexpected("streams", kind, "it ended by itself");
      return;
    }
  } catch (error) {
    if (!dropped.aborted) {
      scene.ledger.unexpected("streams", kind, say(error));
      return;
    }
  }
  const isTooLate = messages === 0 && !isDropped && lastsMs > LONGEST_MS / 2 && !signal.aborted;
  if (isTooLate && scene.trouble.concerns("git", openedMs)) {
    // A git that hangs is waited for.
    scene.ledger.injected("streams", kind);
  } else if (isTooLate) {
    scene.ledger.unexpected("streams", kind, `no message within ${Math.round(lastsMs)} ms`);
  } else {
    scene.ledger.done("streams", kind);
  }
}

/** Server-sent events by a socket that reads for a while, or does not read at all, and goes. */
export const dropEvents: Actor = (scene, signal) =>
  repeat(scene, signal, 150, async (round) => {
    const isRead = round % 2 === 0;
    const kind = isRead ? "events, read for a while" : "events, not read";
    const socket = connect({ port: scene.port, host: "127.0.0.1" });
    let text = "";
    let error: Error | undefined;
    socket.on("error", (thrown) => {
      error = thrown;
    });
    try {
      await once(socket, "connect");
      socket.write("GET /metadata/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
      if (isRead) {
        socket.setEncoding("utf8").on("data", (chunk: string) => {
          text = (text + chunk).slice(0, 100);
        });
      }
      const lastsMs = LONGEST_MS / 2 + (scene.random() * LONGEST_MS) / 2;
      await pause(lastsMs, signal);
      const isWrong = isRead && !text.startsWith("HTTP/1.1 200") && !signal.aborted;
      if (error !== undefined || isWrong || socket.destroyed) {
        scene.ledger.unexpected("streams", kind, say(error ?? `it ended, or began with "${text}"`));
      } else {
        scene.ledger.done("streams", kind);
      }
    } catch (thrown) {
      scene.ledger.unexpected("streams", kind, say(thrown));
    } finally {
      if (scene.random() < 0.5) {
        socket.resetAndDestroy();
      } else {
        socket.destroy();
      }
    }
  });

const NETWORK_FAULTS: readonly [
  readonly [string, ConnectionFault],
  ...(readonly [string, ConnectionFault])[],
] = [
  ["delayed", { up: { kind: "delay", delayMs: 50 }, down: { kind: "delay", delayMs: 50 } }],
  ["trickled up", { up: { kind: "trickle", bytes: 16, pauseMs: 5 } }],
  ["trickled down", { down: { kind: "trickle", bytes: 2_000, pauseMs: 5 } }],
  ["cut in the request", { up: { kind: "cut", afterBytes: 60 } }],
  ["cut in the answer", { down: { kind: "cut", afterBytes: 700 } }],
  ["reset in the request", { up: { kind: "reset", afterBytes: 60 } }],
  ["reset in the answer", { down: { kind: "reset", afterBytes: 700 } }],
  ["reset in the stream", { down: { kind: "reset", afterBytes: 20_000 } }],
  ["stalled in the request", { up: { kind: "stall", afterBytes: 60 } }],
  ["stalled in the answer", { down: { kind: "stall", afterBytes: 700 } }],
];

/** Reads and streams over connections that break. They may fail, but not hang. */
export const breakConnections: Actor = (scene, signal) =>
  repeat(scene, signal, 100, async () => {
    const [what, fault] = pick(scene.random, NETWORK_FAULTS);
    const protocol = pick(scene.random, PROTOCOLS);
    const kind = `connection ${what}`;
    scene.proxy.use(fault);
    scene.ledger.done("faults", kind);
    const client = createMetadataClient(scene.proxy.url, { protocol });
    const over = AbortSignal.any([signal, AbortSignal.timeout(2_000)]);
    const call =
      scene.random() < 0.5
        ? client.getMetadata({}, { signal: over })
        : readAll(client.watchMetadata({}, { signal: over, timeoutMs: 0 }));
    const ended = call.then(
      () => undefined,
      () => "failed",
    );
    const hung = new AbortController();
    const result = await Promise.race([
      ended,
      sleep(DEADLINE_MS, "hung", { signal: hung.signal }).catch(() => undefined),
    ]);
    hung.abort();
    if (result === "hung") {
      scene.ledger.unexpected("faults", kind, `a call by ${protocol} did not end`);
    } else if (result === "failed") {
      scene.ledger.injected("faults", kind);
    }
    client.close();
  });

async function readAll(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages) {
    // Only how it ends counts.
  }
}

/** Watches from the beginning to the end by one protocol: it never loses the connection, and sees the last commit. */
export function follow(protocol: (typeof PROTOCOLS)[number]): Actor {
  return async (scene, signal) => {
    const kind = `${protocol}: watched all the time`;
    const leave = new AbortController();
    let head: unknown;
    const watching = watchMetadata(scene.server.url, {
      protocol,
      keys: ["git_commit_sha"],
      heartbeatMs: 5_000,
      signal: leave.signal,
      onState: ({ data }) => {
        head = data["git_commit_sha"]?.value?.kind.value;
        scene.ledger.done("streams", `${kind}, states`);
      },
      onConnection: (connection) => {
        if (connection.state === "disconnected") {
          scene.ledger.unexpected("streams", kind, `${connection.reason}: ${connection.message}`);
        }
      },
    });
    if (!signal.aborted) {
      await once(signal, "abort");
    }
    const last = await scene.git("rev-parse", "HEAD");
    for (const endMs = performance.now() + CONVERGED_MS; head !== last && performance.now() < endMs; ) {
      await sleep(50);
    }
    if (head !== last) {
      scene.ledger.unexpected("streams", kind, `the last state has ${String(head)}, HEAD is ${last}`);
    }
    leave.abort();
    await watching;
  };
}
