// One server, watched through restarts, silence, nonsense and refusals.

import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { BACKOFF, backoffMs } from "../../src/client/backoff.ts";
import * as browser from "../../src/client/browser.ts";
import * as node from "../../src/client/index.ts";
import type { GetMetadataResponse } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import {
  freeAddress,
  startNonsensePeer,
  startPeer,
  startSilentPeer,
  startStatusPeer,
  startWire,
} from "../helpers/peers.ts";
import { startServer } from "../helpers/server.ts";
import { noteTimers } from "../helpers/timers.ts";
import { until, within } from "../helpers/wait.ts";

const WATCHES = [
  ["connect, Node", node.watchMetadata, "connect"],
  ["grpc, Node", node.watchMetadata, "grpc"],
  ["grpc-web, Node", node.watchMetadata, "grpc-web"],
  ["connect, browser", browser.watchMetadata, "connect"],
  ["grpc-web, browser", browser.watchMetadata, "grpc-web"],
] as const;

const branchOf = ({ data }: GetMetadataResponse): unknown => data["git_branch"]?.value?.kind.value;

async function startGit(branch: string, listen = "127.0.0.1:0") {
  const git = new ControlledCollector("git", data({ git: { branch } }));
  return { git, server: await startServer({ collectors: [git.scheduled()], flags: { listen } }) };
}

/** A watch that notes all that it is told. Ended with the test; it must leave nothing behind. */
function watching(
  watch: typeof node.watchMetadata,
  url: string,
  options: Partial<node.WatchMetadataOptions> = {},
  timers = noteTimers(),
) {
  const branches: unknown[] = [];
  const revisions: (string | undefined)[] = [];
  const connections: node.Connection[] = [];
  const leave = new AbortController();
  const ended = watch(url, {
    onState: (state) => {
      branches.push(branchOf(state));
      revisions.push(state.meta?.revision);
    },
    onConnection: (connection) => connections.push(connection),
    signal: leave.signal,
    timers,
    ...options,
  });
  ended.catch(() => undefined);
  const end = async (): Promise<void> => {
    leave.abort();
    await within(5_000, "the watch ends", ended);
    expect(getEventListeners(leave.signal, "abort")).toEqual([]);
    expect(timers.running()).toBe(0);
  };
  onTestFinished(async () => {
    leave.abort();
    await ended.catch(() => undefined);
  });
  const failure = async (): Promise<node.Connection & { state: "disconnected" }> => {
    let found: node.Connection | undefined;
    await until(() => {
      found = connections.find(({ state }) => state === "disconnected");
      return found !== undefined;
    }, "it is disconnected");
    return found as node.Connection & { state: "disconnected" };
  };
  return {
    branches,
    revisions,
    connections,
    ended,
    end,
    failure,
    states: () => connections.map(({ state }) => state),
  };
}

describe.each(WATCHES)("%s", (_, watch, protocol) => {
  test("tells of the first state and of each change, and leaves nothing", async () => {
    const { git, server } = await startGit("one");
    const told = watching(watch, server.url, { protocol });
    await until(() => told.branches.length === 1, "the first state");
    git.set(data({ git: { branch: "two" } }));
    await until(() => told.branches.length === 2, "the change");
    await told.end();
    expect(told.branches).toEqual(["one", "two"]);
    expect(told.states()).toEqual(["connecting", "connected"]);
    await until(() => server.openSockets() === 0 && server.subscribers() === 0, "nothing is left", 6_000);
  });

  test("comes back to a server that was restarted", async () => {
    const { server } = await startGit("before");
    const told = watching(watch, server.url, { protocol });
    await until(() => told.branches.length === 1, "the first state");
    await server.close();
    expect(await told.failure()).toMatchObject({ reason: "unreachable" });
    const next = await startGit("after", `127.0.0.1:${server.port}`);
    await until(() => told.branches.length === 2, "the state of the next server");
    expect(told.branches).toEqual(["before", "after"]);
    expect(told.states().slice(-2)).toEqual(["connecting", "connected"]);
    await told.end();
    await until(() => next.server.openSockets() === 0, "nothing is left", 6_000);
  });

  test("does not tell a state again after the connection broke", async () => {
    const { git, server } = await startGit("one");
    const wire = await startWire(server.port);
    const told = watching(watch, wire.url, { protocol });
    await until(() => told.branches.length === 1, "the first state");
    wire.cut();
    await until(() => told.states().filter((state) => state === "connected").length === 2, "it is back");
    git.set(data({ git: { branch: "two" } }));
    await until(() => told.branches.length === 2, "the change");
    expect(told.branches).toEqual(["one", "two"]);
    expect(new Set(told.revisions).size).toBe(2);
    await told.end();
    await until(() => wire.open() === 0, "nothing is left", 6_000);
  });

  test("leaves a server that fell silent", async () => {
    const { server } = await startGit("one");
    const wire = await startWire(server.port);
    const told = watching(watch, wire.url, { protocol, heartbeatMs: 1_000, silenceMarginMs: 100 });
    await until(() => told.branches.length === 1, "the first state");
    wire.freeze();
    expect(await told.failure()).toMatchObject({
      reason: "timeout",
      message: "nothing was heard for 1100 ms",
    });
    await until(() => told.states().at(-1) === "connected", "it is back");
    await told.end();
  });

  test("ends while it connects to a server that says nothing", async () => {
    let accepted = 0;
    const told = watching(
      watch,
      await startPeer(() => {
        accepted += 1;
      }),
      { protocol },
    );
    await until(() => accepted === 1, "it is connected");
    await told.end();
    expect(told.states()).toEqual(["connecting"]);
  });
});

describe("what it is told of a server that is none", () => {
  const refused = { min: BACKOFF.refusedMs / 2, max: BACKOFF.refusedMs };
  const short = { min: BACKOFF.firstMs / 2, max: BACKOFF.firstMs };

  test.each([
    ["nothing listens", freeAddress, "unreachable", short],
    ["silent", startSilentPeer, "timeout", short],
    ["nonsense", startNonsensePeer, "bad_answer", short],
    [
      "closes at once",
      (): Promise<string> => startPeer((socket) => void socket.destroy()),
      "unreachable",
      short,
    ],
    ["401", () => startStatusPeer(401), "unauthenticated", refused],
    ["403", () => startStatusPeer(403), "refused", refused],
    ["404", () => startStatusPeer(404), "bad_answer", short],
    ["503", () => startStatusPeer(503), "unreachable", short],
    ["200 and nothing", () => startStatusPeer(200), "bad_answer", short],
    ["no address", async (): Promise<string> => "nowhere", "unreachable", short],
  ] as const)("%s", async (_, start, reason, bounds) => {
    const told = watching(node.watchMetadata, await start(), { firstStateTimeoutMs: 200 });
    const failure = await told.failure();
    expect(failure.reason).toBe(reason);
    expect(failure.message).toMatch(/^[^\n]+$/);
    expect(failure.retryInMs).toBeGreaterThanOrEqual(bounds.min);
    expect(failure.retryInMs).toBeLessThanOrEqual(bounds.max);
    expect(told.branches).toEqual([]);
    await told.end();
  });

  test("it is tried again less and less often", async () => {
    const told = watching(node.watchMetadata, await freeAddress(), { random: () => 1 }, noteTimers(1));
    await until(() => told.connections.length >= 30, "it was tried often");
    const waits: unknown[] = told.connections.flatMap((it) =>
      it.state === "disconnected" ? [it.retryInMs] : [],
    );
    expect(waits.slice(0, 10)).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
    await told.end();
  });
});

test("a connection that lasted long makes waits begin anew, however little was said on it", async () => {
  const { server } = await startGit("one");
  const wire = await startWire(server.port);
  let laterMs = 0;
  const timers = noteTimers();
  const told = watching(
    node.watchMetadata,
    wire.url,
    { random: () => 0, timers: { ...timers, nowMs: () => timers.nowMs() + laterMs } },
    timers,
  );
  const waits = (): unknown[] =>
    told.connections.flatMap((it) => (it.state === "disconnected" ? [it.retryInMs] : []));
  for (const lastedMs of [0, 0, BACKOFF.stableMs]) {
    const before = waits().length;
    await until(() => told.states().at(-1) === "connected", "it is connected");
    laterMs += lastedMs;
    wire.cut();
    await until(() => waits().length > before, "it is disconnected");
  }
  expect(waits()).toEqual([125, 250, 125]);
  await told.end();
});

test("heartbeats are told as messages, not as states", async () => {
  const { server } = await startGit("one");
  let messages = 0;
  const onMessage = (): void => {
    messages += 1;
  };
  const told = watching(node.watchMetadata, server.url, { heartbeatMs: 1_000, onMessage });
  await until(() => messages === 2, "a heartbeat");
  expect(told.branches).toEqual(["one"]);
  await told.end();
});

test("a heartbeat after a change of other keys is no state", async () => {
  const { git, server } = await startGit("one");
  const revisions: unknown[] = [];
  const onMessage = ({ meta }: GetMetadataResponse): void => void revisions.push(meta?.revision);
  const told = watching(node.watchMetadata, server.url, {
    heartbeatMs: 1_000,
    keys: ["git_branch"],
    onMessage,
  });
  await until(() => revisions.length === 1, "the first state");
  git.set(data({ git: { branch: "one", commit: { hash: "abcdef0" } } }));
  await until(() => revisions.length === 2, "a heartbeat");
  expect(new Set(revisions).size).toBe(2);
  expect(told.branches).toEqual(["one"]);
  await told.end();
});

test("a request that will never be right ends the watch", async () => {
  const { server } = await startGit("one");
  const told = watching(node.watchMetadata, server.url, { heartbeatMs: 1 });
  await expect(told.ended).rejects.toThrow("heartbeat_interval");
  const last = told.connections.at(-1);
  expect(last).toMatchObject({ state: "disconnected", reason: "refused" });
  expect(last).not.toHaveProperty("retryInMs");
  await until(() => server.openSockets() === 0, "nothing is left");
});

test("an error of the caller's own ends the watch and leaves nothing", async () => {
  const { server } = await startGit("one");
  const timers = noteTimers();
  const onState = (): never => {
    throw new Error("mine");
  };
  const told = watching(node.watchMetadata, server.url, { onState }, timers);
  await expect(told.ended).rejects.toThrow("mine");
  expect(timers.running()).toBe(0);
  await until(() => server.openSockets() === 0, "nothing is left");
});

test("a callback may end the watch at any time", async () => {
  const { server } = await startGit("one");
  for (const last of ["connecting", "connected", "state"]) {
    const abort = new AbortController();
    const told: string[] = [];
    const tell = (what: string): void => {
      told.push(what);
      if (what === last) {
        abort.abort();
      }
    };
    const ended = node.watchMetadata(server.url, {
      onState: () => tell("state"),
      onConnection: ({ state }) => tell(state),
      signal: abort.signal,
    });
    await within(5_000, "the watch ends", ended);
    expect(told.at(-1)).toBe(last);
  }
  await until(() => server.openSockets() === 0, "nothing is left");
});

test("a signal that is aborted already ends it before it connects", async () => {
  const connections: unknown[] = [];
  await node.watchMetadata("http://127.0.0.1:1", {
    onState: () => undefined,
    onConnection: (connection) => connections.push(connection),
    signal: AbortSignal.abort(),
  });
  expect(connections).toEqual([]);
});

test("waits stay within their bounds, and never shrink with failures", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.boolean(),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, isRefused, random) => {
        const waitMs = backoffMs(failures, isRefused, random);
        expect(waitMs).toBeGreaterThanOrEqual(isRefused ? BACKOFF.refusedMs / 2 : BACKOFF.firstMs / 2);
        expect(waitMs).toBeLessThanOrEqual(isRefused ? BACKOFF.refusedMs : BACKOFF.maxMs);
        expect(backoffMs(failures + 1, isRefused, random)).toBeGreaterThanOrEqual(waitMs);
      },
    ),
  );
});
