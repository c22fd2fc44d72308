// The server and its client over a network that delays, trickles, cuts, resets and falls silent: whoever is concerned is told why and
// does not hang, and everybody else is served.

import { describe, expect, test } from "vitest";
import { type Connection, collectFleet, watchMetadata } from "../../src/client/index.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { type ConnectionFault, startFaultProxy } from "../helpers/fault-proxy.ts";
import { openSocket, rawRequest } from "../helpers/raw-http.ts";
import { startServer } from "../helpers/server.ts";
import { noteTimers } from "../helpers/timers.ts";
import { until, within } from "../helpers/wait.ts";

const PROTOCOLS = ["connect", "grpc", "grpc-web"] as const;

async function startBehind(fault: ConnectionFault | undefined, limits = {}) {
  const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
  const server = await startServer({ collectors: [git.scheduled()], limits });
  return { git, server, proxy: await startFaultProxy(server.port, fault) };
}

/** What the server has to be after anything: without the connections that broke, and answering. */
async function isWell(server: Awaited<ReturnType<typeof startServer>>): Promise<void> {
  await until(() => server.openSockets() === 0 && server.subscribers() === 0, "nothing is left");
  const { status } = await rawRequest(server, "GET /metadata HTTP/1.1", ["Host: localhost"]);
  expect(status).toBe(200);
}

describe.each(PROTOCOLS)("%s", (protocol) => {
  test.each<readonly [string, ConnectionFault]>([
    ["delayed both ways", { up: { kind: "delay", delayMs: 5 }, down: { kind: "delay", delayMs: 5 } }],
    ["trickled to the server", { up: { kind: "trickle", bytes: 7, pauseMs: 1 } }],
    ["trickled to the client", { down: { kind: "trickle", bytes: 97, pauseMs: 1 } }],
  ])("S9: is answered and watched when it is %s", async (_, fault) => {
    const { git, server, proxy } = await startBehind(fault);
    const [read] = await within(
      20_000,
      "the answer",
      collectFleet([proxy.url], { protocol, timeoutMs: 15_000 }),
    );
    expect(read?.reason).toBeUndefined();
    const branches: unknown[] = [];
    const leave = new AbortController();
    const watching = watchMetadata(proxy.url, {
      protocol,
      signal: leave.signal,
      onState: (state) => branches.push(state.data["git_branch"]?.value?.kind.value),
    });
    await until(() => branches.length === 1, "the first state", 20_000);
    git.set(data({ git: { branch: "two" } }));
    await until(() => branches.length === 2, "the change", 20_000);
    leave.abort();
    await within(10_000, "the watch ends", watching);
    expect(branches).toEqual(["one", "two"]);
    await isWell(server);
  });

  test.each<readonly [string, ConnectionFault, string]>([
    ["cut in the request", { up: { kind: "cut", afterBytes: 40 } }, "unreachable"],
    ["reset in the request", { up: { kind: "reset", afterBytes: 40 } }, "unreachable"],
    ["silent after half a request", { up: { kind: "stall", afterBytes: 40 } }, "timeout"],
    ["cut in the answer", { down: { kind: "cut", afterBytes: 400 } }, "unreachable"],
    ["reset in the answer", { down: { kind: "reset", afterBytes: 400 } }, "unreachable"],
    ["silent in the answer", { down: { kind: "stall", afterBytes: 400 } }, "timeout"],
  ])("S16: a fleet that is read is told %s", async (_, fault, reason) => {
    const { server, proxy } = await startBehind(fault);
    const reading = collectFleet([proxy.url, server.url], { protocol, timeoutMs: 1_500 });
    const [broken, whole] = await within(15_000, "both results", reading);
    expect(broken).toMatchObject({ reason, message: expect.stringMatching(/^[^\n]+$/) });
    expect(whole?.reason).toBeUndefined();
    await isWell(server);
  });

  test.each<readonly [string, ConnectionFault, string]>([
    ["cut", { down: { kind: "cut", afterBytes: 6_000 } }, "unreachable"],
    ["reset", { down: { kind: "reset", afterBytes: 6_000 } }, "unreachable"],
    ["silent", { down: { kind: "stall", afterBytes: 6_000 } }, "timeout"],
  ])("S16: a stream that is %s is told, and opened again", async (_, fault, reason) => {
    const { git, server, proxy } = await startBehind(fault);
    const connections: Connection[] = [];
    const branches: unknown[] = [];
    const leave = new AbortController();
    const watching = watchMetadata(proxy.url, {
      protocol,
      heartbeatMs: 1_000,
      silenceMarginMs: 500,
      timers: noteTimers(2_000),
      signal: leave.signal,
      onState: (state) => branches.push(state.data["git_branch"]?.value?.kind.value),
      onConnection: (connection) => {
        connections.push(connection);
        if (connection.state === "disconnected") {
          proxy.use(undefined);
        }
      },
    });
    const isBroken = (): boolean => connections.some(({ state }) => state === "disconnected");
    for (let change = 0; !isBroken(); change += 1) {
      git.set(data({ git: { branch: `before-${change}` } }));
      await within(15_000, "it goes on", Promise.resolve(new Promise((resolve) => setTimeout(resolve, 60))));
    }
    expect(connections.find(({ state }) => state === "disconnected")).toMatchObject({ reason });
    git.set(data({ git: { branch: "after" } }));
    await until(() => branches.at(-1) === "after", "the state of the next stream", 15_000);
    leave.abort();
    await within(10_000, "the watch ends", watching);
    await isWell(server);
  });
});

describe("plain requests", () => {
  test("S9: one that trickles in within the time for it is answered", async () => {
    const { server, proxy } = await startBehind({ up: { kind: "trickle", bytes: 1, pauseMs: 2 } });
    const { status, body } = await rawRequest(proxy, "GET /metadata/git_branch HTTP/1.1", [
      "Host: localhost",
    ]);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ value: "one" });
    await isWell(server);
  });

  test("S9: one that trickles in too slowly gets 408", async () => {
    const limits = { headersTimeoutMs: 300, timeoutCheckIntervalMs: 50 };
    const { server, proxy } = await startBehind({ up: { kind: "trickle", bytes: 1, pauseMs: 50 } }, limits);
    const { status } = await rawRequest(proxy, "GET /metadata HTTP/1.1", ["Host: localhost"]);
    expect(status).toBe(408);
    await isWell(server);
  });

  test.each<readonly [string, ConnectionFault]>([
    ["cut", { up: { kind: "cut", afterBytes: 150 } }],
    ["reset", { up: { kind: "reset", afterBytes: 150 } }],
  ])("S12: a body that is %s in its middle leaves nothing", async (_, fault) => {
    const { server, proxy } = await startBehind(fault);
    const socket = await openSocket(proxy);
    socket.write(
      "POST /fleet.metadata.v1.MetadataService/GetMetadata HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    );
    socket.write(" ".repeat(200));
    socket.resume();
    await until(() => socket.closed, "the connection ends");
    await isWell(server);
  });

  test.each<readonly [string, ConnectionFault]>([
    ["cut", { down: { kind: "cut", afterBytes: 600 } }],
    ["reset", { down: { kind: "reset", afterBytes: 600 } }],
  ])("S16: events that are %s leave no subscriber", async (_, fault) => {
    const { git, server, proxy } = await startBehind(fault);
    const socket = await openSocket(proxy);
    socket.write("GET /metadata/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    await until(() => socket.closed, "the connection ends");
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    git.set(data({ git: { branch: "two" } }));
    await isWell(server);
  });
});
