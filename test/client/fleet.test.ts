// Many servers at once, good and bad.

import { getEventListeners } from "node:events";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createFleetBy } from "../../src/client/fleet.ts";
import {
  collectFleet,
  createFleet,
  createMetadataClient,
  type FleetChange,
  type FleetTarget,
  watchFleet,
} from "../../src/client/index.ts";
import {
  type GetMetadataResponse,
  GetMetadataResponseSchema,
} from "../../src/gen/fleet/metadata/v1/service_pb.ts";
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

const branchOf = (response: GetMetadataResponse | undefined): unknown =>
  response?.data["git_branch"]?.value?.kind.value;

async function startGit(branch: string, flags = {}) {
  const git = new ControlledCollector("git", data({ git: { branch } }));
  return { git, server: await startServer({ collectors: [git.scheduled()], flags }) };
}

describe.each(["connect", "grpc", "grpc-web"] as const)("%s", (protocol) => {
  test("100 targets, some of them bad: one result each, in order, and nothing left", async () => {
    const { server } = await startGit("main", { token: "s3cret" });
    const refused = protocol === "grpc" ? "bad_answer" : "refused";
    const bad: readonly (readonly [FleetTarget, string])[] = [
      [await freeAddress(), "unreachable"],
      [await startSilentPeer(), "timeout"],
      [await startNonsensePeer(), "bad_answer"],
      [{ url: server.url, token: "wrong" }, "unauthenticated"],
      [await startStatusPeer(403), refused],
      ["nowhere", "unreachable"],
      [await startPeer((socket) => void socket.destroy()), "unreachable"],
    ];
    const targets: FleetTarget[] = [];
    const expected: unknown[] = [];
    for (let index = 0; index < 100; index += 1) {
      const [target, reason] = bad[index] ?? [server.url, "main"];
      targets.push(target);
      expected.push([target, reason]);
    }
    const abort = new AbortController();
    const options = { protocol, token: "s3cret", timeoutMs: 2_000, signal: abort.signal };
    const results = await within(10_000, "all results", collectFleet(targets, options));
    expect(results.map(({ target, reason, response }) => [target, reason ?? branchOf(response)])).toEqual(
      expected,
    );
    for (const { message } of results) {
      expect(message ?? "fine").toMatch(/^[^\n]+$/);
    }
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
    await until(() => server.openSockets() === 0, "no connection is left");
  });

  test("connections are kept from one collection to the next, and made anew when they broke", async () => {
    const { git, server } = await startGit("one");
    const wire = await startWire(server.port);
    const fleet = createFleet([wire.url], { protocol });
    onTestFinished(() => fleet.close());
    const branches = async (): Promise<unknown[]> =>
      (await fleet.collect()).map(({ response, message }) => message ?? branchOf(response));
    for (let round = 0; round < 5; round += 1) {
      expect(await branches()).toEqual(["one"]);
    }
    expect(wire.connections()).toBe(1);
    wire.cut();
    git.set(data({ git: { branch: "two" } }));
    expect(await branches()).toEqual(["two"]);
    expect(wire.connections()).toBe(2);
    fleet.close();
    await until(() => wire.open() === 0, "no connection is left");
    await expect(fleet.collect()).rejects.toThrow("the fleet is closed");
  });

  test("a connection that fell silent costs one collection, not each one", async () => {
    const { server } = await startGit("one");
    const wire = await startWire(server.port);
    const fleet = createFleet([wire.url], { protocol, timeoutMs: 300 });
    onTestFinished(() => fleet.close());
    expect((await fleet.collect())[0]?.reason).toBe(undefined);
    wire.freeze();
    expect((await fleet.collect())[0]?.reason).toBe("timeout");
    expect((await fleet.collect())[0]?.reason).toBe(undefined);
  });

  test("a live view follows each server, and keeps what it knew of one that went", async () => {
    const [first, second] = await Promise.all([startGit("a"), startGit("b")]);
    const gone = await freeAddress();
    const targets = [
      { url: first.server.url, id: 1 },
      { url: second.server.url, id: 2 },
      { url: gone, id: 3 },
    ] as const;
    const [one, two, three] = targets;
    const abort = new AbortController();
    const timers = noteTimers();
    const changes: FleetChange<FleetTarget>[] = [];
    const view = watchFleet(targets, {
      protocol,
      timers,
      signal: abort.signal,
      onChange: (change) => changes.push(change),
    });
    expect([...view.members.keys()]).toEqual(targets);
    expect(view.members.get(one)).toMatchObject({ state: undefined, ageMs: undefined });
    const branch = (target: (typeof targets)[number]): unknown => branchOf(view.members.get(target)?.state);
    const connection = (target: (typeof targets)[number]) => view.members.get(target)?.connection;
    await until(() => branch(one) === "a" && branch(two) === "b", "both states");
    await until(() => connection(three)?.state === "disconnected", "the third is not there");
    expect(connection(three)).toMatchObject({ reason: "unreachable" });

    changes.length = 0;
    first.git.set(data({ git: { branch: "a2" } }));
    await until(() => branch(one) === "a2", "the change");
    const told = changes.filter(({ member }) => member.target === one);
    expect(told).toMatchObject([{ kind: "state" }]);
    expect(told[0]?.member).toBe(view.members.get(one));

    await second.server.close();
    await until(() => connection(two)?.state === "disconnected", "the second is gone");
    expect(branch(two)).toBe("b");
    const age = view.members.get(two)?.ageMs ?? -1;
    await until(() => (view.members.get(two)?.ageMs ?? -1) > age, "its state grows old");

    const next = await startGit("b2", { listen: `127.0.0.1:${second.server.port}` });
    await until(() => branch(two) === "b2", "it is back");
    abort.abort();
    await within(5_000, "the view ends", view.ended);
    expect(timers.running()).toBe(0);
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
    await until(() => first.server.openSockets() + next.server.openSockets() === 0, "no connection is left");
  });
});

test("a signal ends a collection at once, with its reason", async () => {
  const { server } = await startGit("main");
  const silent = await startSilentPeer();
  const abort = new AbortController();
  const collected = collectFleet([server.url, silent], { timeoutMs: 60_000, signal: abort.signal });
  await until(() => server.openSockets() > 0, "it has begun");
  abort.abort(new Error("enough"));
  await expect(within(1_000, "the end", collected)).rejects.toThrow("enough");
  await until(() => server.openSockets() === 0, "no connection is left");
  await expect(collectFleet([], { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow(
    "before",
  );
});

describe("a live view of 150 servers", () => {
  test("connects to so many at a time as it may, and has them all", async () => {
    const { git, server } = await startGit("one");
    const limit = 8;
    let connecting = 0;
    let most = 0;
    const targets = Array.from({ length: 150 }, (_, id) => ({ url: server.url, id }));
    const abort = new AbortController();
    const fleet = createFleetBy<(typeof targets)[number]>(
      (url, options) => {
        const client = createMetadataClient(url, options);
        const { watchMetadata } = client;
        return {
          ...client,
          async *watchMetadata(...args) {
            connecting += 1;
            most = Math.max(most, connecting);
            let isConnecting = true;
            try {
              for await (const message of watchMetadata(...args)) {
                connecting -= isConnecting ? 1 : 0;
                isConnecting = false;
                yield message;
              }
            } finally {
              connecting -= isConnecting ? 1 : 0;
            }
          },
        };
      },
      targets,
      { concurrency: limit },
    );
    const view = fleet.watch({ signal: abort.signal });
    const has = (branch: string): boolean =>
      targets.every((target) => branchOf(view.members.get(target)?.state) === branch);
    await until(() => has("one"), "all states");
    expect(most).toBe(limit);
    git.set(data({ git: { branch: "two" } }));
    await until(() => has("two"), "the change of all");
    abort.abort();
    await within(5_000, "the end", view.ended);
    fleet.close();
  });

  test("those that say nothing hold up the others no longer than a first state may take", async () => {
    const { server } = await startGit("one");
    const silent = await startSilentPeer();
    const targets = Array.from({ length: 150 }, (_, id) => ({ url: id < 50 ? silent : server.url, id }));
    const abort = new AbortController();
    const view = watchFleet(targets, {
      concurrency: 50,
      firstStateTimeoutMs: 300,
      // Who failed comes back behind all others.
      random: () => 1,
      signal: abort.signal,
    });
    const connected = (): number =>
      [...view.members.values()].filter(({ state }) => branchOf(state) === "one").length;
    await until(() => connected() === 100, "all that answer");
    for (const target of targets.slice(0, 50)) {
      await until(
        () => view.members.get(target)?.connection.state === "disconnected",
        "it is known as silent",
      );
    }
    abort.abort();
    await within(5_000, "the end", view.ended);
  });

  test("ends at once while targets wait for their turn", async () => {
    const silent = await startSilentPeer();
    const targets = Array.from({ length: 150 }, (_, id) => ({ url: silent, id }));
    const abort = new AbortController();
    const timers = noteTimers();
    const view = watchFleet(targets, { concurrency: 2, timers, signal: abort.signal });
    await until(() => timers.running() === 2, "two connect");
    expect([...view.members.values()].every(({ connection }) => connection.state === "connecting")).toBe(
      true,
    );
    abort.abort();
    await within(5_000, "the end", view.ended);
    expect(timers.running()).toBe(0);
  });
});

test("what onChange throws ends the view", async () => {
  const { server } = await startGit("main");
  const onChange = (): never => {
    throw new Error("mine");
  };
  const view = watchFleet([server.url, server.url], { onChange, signal: new AbortController().signal });
  expect(view.members.size).toBe(1);
  await expect(within(5_000, "the end", view.ended)).rejects.toThrow("mine");
  await until(() => server.openSockets() === 0, "no connection is left");
});

test("closing a fleet ends its views", async () => {
  const { server } = await startGit("main");
  const fleet = createFleet([server.url]);
  const view = fleet.watch({ signal: new AbortController().signal });
  await until(() => view.members.get(server.url)?.state !== undefined, "the first state");
  fleet.close();
  await within(5_000, "the view ends", view.ended);
  await until(() => server.openSockets() === 0, "no connection is left");
});

test.each([
  { concurrency: 0 },
  { concurrency: 1.5 },
  { timeoutMs: 0 },
  { timeoutMs: Number.POSITIVE_INFINITY },
  { timeoutMs: 2 ** 31 },
])("options that make no sense are refused: %o", (options) => {
  expect(() => createFleet([], options)).toThrow(RangeError);
});

test("whatever servers do: one result each, in order, never more at a time than allowed", async () => {
  const outcome = fc.constantFrom(
    "answer",
    "empty",
    "Unauthenticated",
    "PermissionDenied",
    "Internal",
    "throw",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(outcome, { maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      async (outcomes, concurrency) => {
        let running = 0;
        let most = 0;
        const fleet = createFleetBy(
          (url) => {
            const client = createMetadataClient("http://127.0.0.1:1");
            vi.spyOn(client, "getMetadata").mockImplementation(async () => {
              running += 1;
              most = Math.max(most, running);
              await new Promise((resolve) => setImmediate(resolve));
              running -= 1;
              const kind = outcomes[Number(new URL(url).port) - 1];
              if (kind === "answer" || kind === "empty") {
                return create(
                  GetMetadataResponseSchema,
                  kind === "answer" ? { meta: { revision: url } } : {},
                );
              }
              throw kind === "throw"
                ? "nothing useful"
                : new ConnectError("no", Code[kind as keyof typeof Code]);
            });
            return client;
          },
          outcomes.map((_, index) => `http://127.0.0.1:${index + 1}`),
          { concurrency },
        );
        const results = await fleet.collect();
        fleet.close();
        const reasons = { Unauthenticated: "unauthenticated", PermissionDenied: "refused" };
        expect(
          results.map(({ target, response, reason }) =>
            response ? response.meta?.revision === target : reason,
          ),
        ).toEqual(
          outcomes.map(
            (kind) => kind === "answer" || (reasons[kind as keyof typeof reasons] ?? "bad_answer"),
          ),
        );
        expect(most).toBeLessThanOrEqual(concurrency);
      },
    ),
    { numRuns: 30 },
  );
});
