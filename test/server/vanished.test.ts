// Peers that are gone without a word.

import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { openSession } from "../helpers/http2-client.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { requestStream } from "../helpers/raw-stream.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field whose name stands in the static table of HPACK, with its value as it is. */
function field(name: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(name, value.length), Buffer.from(value)]);
}

const AUTHORITY = 1;
const PATH = 4;

/** A client's first bytes: preface, settings, and a request that its server answers without end. */
const WATCHING = Buffer.concat([
  Buffer.from(PREFACE),
  frame(4, 0, 0, Buffer.alloc(0)),
  frame(4, 1, 0, Buffer.alloc(0)),
  frame(
    1,
    5,
    1,
    Buffer.concat([Buffer.of(0x82, 0x86), field(AUTHORITY, "localhost"), field(PATH, "/metadata/events")]),
  ),
]);

async function start(limits: NonNullable<Parameters<typeof startServer>[0]>["limits"] = {}) {
  const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
  return await startServer({ collectors: [git.scheduled()], limits });
}

describe("over HTTP/2", () => {
  test("S17: a peer that answers no ping is found, whether it reads or not", async () => {
    const server = await start({ pingIntervalMs: 200, pingTimeoutMs: 200 });
    const reading = await openSocket(server);
    const silent = await openSocket(server);
    reading.resume();
    silent.pause();
    reading.write(WATCHING);
    silent.write(WATCHING);
    await until(() => server.subscribers() === 2, "both watch");
    await until(() => server.subscribers() === 0 && server.openSockets() === 0, "both are found", 5_000);
    reading.destroy();
    silent.destroy();
  });

  test("S17: a peer that answers stays, however long nothing happens", async () => {
    const server = await start({ pingIntervalMs: 100, pingTimeoutMs: 10_000 });
    const session = await openSession(server.url);
    requestStream(session, { ":path": "/metadata/events" }).resume();
    for (let pings = 0; pings < 5; pings += 1) {
      await once(session, "ping");
    }
    expect(server.subscribers()).toBe(1);
    expect(session.destroyed).toBe(false);
  });

  test("a connection without streams is not asked, and is closed when it is idle", async () => {
    const server = await start({ pingIntervalMs: 50, idleSessionTimeoutMs: 400 });
    const session = await openSession(server.url);
    let pings = 0;
    session.on("ping", () => {
      pings += 1;
    });
    await once(session, "close");
    expect(pings).toBe(0);
  });
});

test("S17: the default limits find it within a minute", async () => {
  const { HTTP_LIMITS } = await import("../../src/http/limits.ts");
  const { pingIntervalMs, pingTimeoutMs, keepAliveProbeMs, writeStallMs } = HTTP_LIMITS;
  // The ping before the last one was answered; the kernel's ten probes are a second apart.
  expect(pingIntervalMs + pingTimeoutMs).toBeLessThanOrEqual(60_000);
  expect(keepAliveProbeMs + 10_000).toBeLessThanOrEqual(60_000);
  expect(writeStallMs).toBeLessThanOrEqual(60_000);
});
