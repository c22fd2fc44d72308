// Peers that are gone without a word.

import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { HTTP_LIMITS, type HttpLimits } from "../../src/http/limits.ts";
import { giveUpVanished, parseTcpTable, parseTimeouts } from "../../src/http/vanished.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { openSession } from "../helpers/http2-client.ts";
import { fieldsOfGet, frame } from "../helpers/http2-frames.ts";
import { HTTP2_PREFACE, openSocket } from "../helpers/raw-http.ts";
import { requestStream } from "../helpers/raw-stream.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

/** A client's first bytes: preface, settings, and a request that its server answers without end. */
const WATCHING = Buffer.concat([
  Buffer.from(HTTP2_PREFACE),
  frame(4, 0, 0, Buffer.alloc(0)),
  frame(4, 1, 0, Buffer.alloc(0)),
  frame(1, 5, 1, fieldsOfGet("/metadata/events")),
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

/** Whether this machine lets us make networks of our own. */
const hasNetworks = spawnSync("unshare", ["--user", "--map-root-user", "--net", "ip", "link"]).status === 0;

const PROGRAM = join(import.meta.dirname, "../processes/vanishing-peer.ts");

/** @returns after how many milliseconds the server has found out. */
async function vanish(mode: "sending" | "idle", limits: Partial<HttpLimits>): Promise<number> {
  const { stdout } = await promisify(execFile)(
    "unshare",
    [
      ...["--user", "--map-root-user", "--net"],
      ...[process.execPath, PROGRAM, "/metadata/events", mode, JSON.stringify(limits)],
    ],
    { timeout: 60_000 },
  );
  return Number(stdout);
}

describe("over HTTP/1.1", { concurrent: true, timeout: 70_000 }, () => {
  test.runIf(hasNetworks)(
    "S17: a peer whose network is gone is found while something is on its way to it",
    async () => {
      expect(await vanish("sending", { resendCheckMs: 300, keepAliveProbeMs: 1_000_000 })).toBeLessThan(
        60_000,
      );
    },
  );

  test.runIf(hasNetworks)("S17: a peer whose network is gone is found while nothing is", async () => {
    expect(await vanish("idle", { resendCheckMs: 1_000_000, keepAliveProbeMs: 1_000 })).toBeLessThan(60_000);
  });

  test("S17: a peer that is there stays, though it does not read", async () => {
    const text = "x".repeat(4_000);
    const git = new ControlledCollector("git", data({ git: { branch: text, commit: { message: text } } }));
    const server = await startServer({ collectors: [git.scheduled()], limits: { resendCheckMs: 50 } });
    const silent = await openSocket(server);
    silent.pause();
    // More than the system takes for it.
    silent.write("GET /metadata HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000));
    const end = performance.now() + 2_000;
    await until(() => performance.now() > end, "forty looks");
    expect(server.openSockets()).toBe(1);
    silent.destroy();
  });
});

describe("the kernel's account", () => {
  /** A connection that is looked after. `timeouts`: as the kernel counts them. */
  async function lookedAfter(timeouts: { readonly text: string }) {
    const server = await start();
    const socket = await openSocket(server);
    const portOf = (port = 0): string => port.toString(16).toUpperCase().padStart(4, "0");
    const ends = `0100007F:${portOf(socket.localPort)} 0100007F:${portOf(socket.remotePort)}`;
    const state = { times: "00000000", looks: 0, tables: 0 };
    const looks = giveUpVanished(new Map([[socket, 1]]), 5, {
      counters: () => {
        state.looks += 1;
        return timeouts.text;
      },
      tables: () => {
        state.tables += 1;
        return [
          Promise.resolve(
            `   0: ${ends} 01 00000010:00000000 01:00000014 ${state.times}     0        0 1 1\n`,
          ),
          Promise.reject(new Error("there is no IPv6")),
        ];
      },
    });
    onTestFinished(() => looks.stop());
    /** Sends all the time. @returns how often the tables were read in so many looks. */
    const passed = async (count: number): Promise<number> => {
      state.tables = 0;
      const end = state.looks + count;
      await until(() => {
        looks.sent();
        return state.looks >= end;
      }, `${count} looks`);
      return state.tables;
    };
    return { socket, state, passed, sent: looks.sent };
  }
  const counted = (timeouts: number) =>
    `TcpExt: SyncookiesSent TCPTimeouts TCPLossProbes\nTcpExt: 3 ${timeouts} 7\nIpExt: InNoRoutes\nIpExt: 0\n`;

  test("is not read connection by connection while the machine waits for nobody", async () => {
    const timeouts = { text: counted(5) };
    const { socket, state, passed, sent } = await lookedAfter(timeouts);
    expect(await passed(5)).toBe(0);
    timeouts.text = counted(6);
    state.times = "00000001";
    sent();
    await until(() => socket.destroyed, "its peer is found to have vanished");
  });

  test("is not read at all while nothing is sent, and what is sent is looked after once it had time to be acknowledged", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    let looks = 0;
    const sockets = new Map([[new Socket(), 1]]);
    const check = giveUpVanished(sockets, 1_000, {
      counters: () => {
        looks += 1;
        return counted(5);
      },
      tables: () => [],
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(0);
    check.sent();
    // To compare with.
    expect(looks).toBe(1);
    looks = 0;
    await vi.advanceTimersByTimeAsync(999);
    expect(looks).toBe(0);
    // Too late for that look: nothing is known of it by then.
    check.sent();
    await vi.advanceTimersByTimeAsync(1);
    expect(looks).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(looks).toBe(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(2);
    // Nobody waits for an answer any more.
    const [[socket = new Socket()] = []] = sockets;
    sockets.clear();
    check.sent();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(2);
    sockets.set(socket, 1);
    check.sent();
    check.stop();
    check.sent();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(2);
  });

  test.each(["", "TcpExt: SyncookiesSent\nTcpExt: 3\n", "TcpExt: SyncookiesSent TCPTimeouts\n"])(
    "is read each time where nothing is counted: %j",
    async (text) => {
      const { socket, state, passed, sent } = await lookedAfter({ text });
      expect(await passed(5)).toBeGreaterThanOrEqual(4);
      state.times = "00000001";
      sent();
      await until(() => socket.destroyed, "its peer is found to have vanished");
    },
  );

  test.runIf(existsSync("/proc/net/netstat"))("counts, on this machine, too", () => {
    expect(parseTimeouts(readFileSync("/proc/net/netstat", "latin1"))).toBeGreaterThanOrEqual(0);
  });

  test("S25: whatever is counted, reading it does not fail", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (names, numbers) => {
        const number = parseTimeouts(`TcpExt: ${names} TCPTimeouts\nTcpExt: ${numbers}\n`);
        expect(number === undefined || number >= 0).toBe(true);
      }),
    );
  });
});

describe("the kernel's table of connections", () => {
  const HEAD =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

  test("tells which connections send again", () => {
    const table = `${HEAD}${[
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0",
      "   1: 0100007F:1F90 0200007F:C001 01 00000010:00000000 01:00000014 00000007     0        0 1 1 0 100 0 0 10 0",
      "   2: 0100007F:1F90 0300007F:C002 01 00000010:00000000 01:00000014 00000000     0        0 1 1 0 100 0 0 10 0",
      "   3: 0100007F:1F90 0400007F:C003 01 00000000:00000010 02:00000014 00000003     0        0 1 1 0 100 0 0 10 0",
      " 100: B80D0120000000000000000001000000:01BB 0000000000000000FFFF00000100007F:0050 01 000000FF:00000000 01:1 0000000A     0 0",
    ].join("\n")}\n`;
    expect(parseTcpTable(table)).toEqual([
      { connection: "127.0.0.1|8080 127.0.0.2|49153", times: 7 },
      { connection: "2001:db8::1|443 ::ffff:127.0.0.1|80", times: 10 },
    ]);
  });

  test("S25: whatever stands in it, reading it does not fail", () => {
    fc.assert(fc.property(fc.string(), (text) => parseTcpTable(text).length === 0));
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9A-F]{0,40}$/),
        fc.stringMatching(/^[0-9A-F]{0,40}$/),
        (local, remote) => {
          const row = ` 1: ${local}:1F90 ${remote}:C001 01 00000010:00000000 01:00000014 00000007     0\n`;
          expect(parseTcpTable(row).length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

test("S17: the default limits find it within a minute", () => {
  const { pingIntervalMs, pingTimeoutMs, keepAliveProbeMs, resendCheckMs, writeStallMs } = HTTP_LIMITS;
  // The ping before the last one was answered; the kernel's ten probes are a second apart.
  expect(pingIntervalMs + pingTimeoutMs).toBeLessThanOrEqual(60_000);
  expect(keepAliveProbeMs + 10_000).toBeLessThanOrEqual(60_000);
  // What is sent just before those probes are over is found by the third look after it.
  expect(keepAliveProbeMs + 10_000 + 3 * resendCheckMs).toBeLessThanOrEqual(60_000);
  expect(writeStallMs).toBeLessThanOrEqual(60_000);
});
