// Streams on a real port: what they send, and what they leave behind.

import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { MetadataView, type WatchMetadataResponse } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { createTestClient, TRANSPORT_NAMES, type TransportName } from "../helpers/clients.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

const STREAMING = TRANSPORT_NAMES.filter((name) => !name.includes("GET"));

async function watched(limits: Parameters<typeof startServer>[0] = {}) {
  const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
  const server = await startServer({ collectors: [git.scheduled()], ...limits });
  return { git, server };
}

/** A stream that is read message by message. */
function open(
  name: TransportName,
  server: TestServer,
  request: { keys?: string[]; view?: MetadataView; heartbeatInterval?: Duration } = {},
) {
  const leave = new AbortController();
  const stream = createTestClient(name, server.url).watchMetadata(request, { signal: leave.signal });
  const iterator = stream[Symbol.asyncIterator]();
  const next = async (): Promise<WatchMetadataResponse["metadata"]> => {
    const { value } = (await within(
      10_000,
      "the next state",
      iterator.next(),
    )) as IteratorYieldResult<WatchMetadataResponse>;
    return value.metadata;
  };
  return { next, iterator, leave: () => leave.abort() };
}

const branchOf = (metadata: WatchMetadataResponse["metadata"]): unknown =>
  metadata?.data["git_branch"]?.value?.kind.value;

describe.each(STREAMING)("%s", (name) => {
  test("S18: a stop ends the stream with unavailable", async () => {
    const { server } = await watched();
    const stream = open(name, server);
    expect(branchOf(await stream.next())).toBe("one");
    const ended = stream.iterator.next().catch((error: unknown) => error);
    await server.close();
    const error = ConnectError.from(await ended);
    expect(Code[error.code]).toBe("Unavailable");
    expect(error.rawMessage).toBe("the server is stopping");
  });

  test("keys and view count as in a read, names that the server does not know are named each time", async () => {
    const { git, server } = await watched();
    const stream = open(name, server, {
      keys: ["git_*", "from_the_future"],
      view: MetadataView.FULL,
      heartbeatInterval: durationFromMs(1_000),
    });
    const expectState = async (branch: string): Promise<void> => {
      const metadata = await stream.next();
      expect(branchOf(metadata)).toBe(branch);
      expect(metadata?.workspace?.git?.branch).toBe(branch);
      expect(metadata?.unknownKeys).toEqual(["from_the_future"]);
    };
    await expectState("one");
    // The heartbeat is the whole state again.
    await expectState("one");
    git.set(data({ git: { branch: "two" } }));
    let isNews = false;
    while (!isNews) {
      const metadata = await stream.next();
      expect(metadata?.unknownKeys).toEqual(["from_the_future"]);
      isNews = metadata?.workspace?.git?.branch === "two";
    }
    stream.leave();
  });

  test("S16: a client that goes leaves no subscriber", async () => {
    const { server } = await watched();
    const streams = Array.from({ length: 5 }, () => open(name, server));
    await Promise.all(streams.map((stream) => stream.next()));
    await until(() => server.subscribers() === 5, "all streams wait for changes");
    for (const { leave, iterator } of streams) {
      leave();
      iterator.next().catch(() => undefined);
    }
    await until(() => server.subscribers() === 0, "no subscriber is left", 1_000);
  });
});

describe("gRPC", () => {
  const name = "gRPC, HTTP/2";

  test("the first state comes at once, then one per change of what was asked for", async () => {
    const { git, server } = await watched();
    const stream = open(name, server, { keys: ["git_branch"] });
    expect(branchOf(await stream.next())).toBe("one");
    // The commit is not asked for: nothing is sent for it.
    git.set(data({ git: { branch: "one", commit: { hash: "abc" } } }));
    git.set(data({ git: { branch: "two", commit: { hash: "def" } } }));
    expect(branchOf(await stream.next())).toBe("two");
    stream.leave();
  });

  test("a heartbeat is the whole state with the same revision", async () => {
    const { server } = await watched();
    const stream = open(name, server, { heartbeatInterval: durationFromMs(1_000) });
    const first = await stream.next();
    const second = await stream.next();
    expect(second?.meta?.revision).toBe(first?.meta?.revision);
    expect(second?.data).toEqual(first?.data);
    stream.leave();
  });

  test("a stream outlives the time that a request may take to arrive", async () => {
    const { git, server } = await watched({
      limits: { requestTimeoutMs: 200, headersTimeoutMs: 200, idleSessionTimeoutMs: 200 },
    });
    for (const transport of ["gRPC, HTTP/2", "Connect, HTTP/1.1", "Connect, HTTP/2"] as const) {
      const stream = open(transport, server, { heartbeatInterval: durationFromMs(1_000) });
      const branch = branchOf(await stream.next());
      // The heartbeat comes after five times as long.
      expect(branchOf(await stream.next())).toBe(branch);
      git.set(data({ git: { branch: transport } }));
      expect(branchOf(await stream.next())).toBe(transport);
      stream.leave();
    }
  });

  test("S16: 1,000 streams over ten connections: one collection has a change on all; dropped, nothing is left", async () => {
    const { git, server } = await watched();
    const clients = Array.from({ length: 10 }, () => createTestClient(name, server.url));
    const leave = new AbortController();
    let first = 0;
    let second = 0;
    const ended = clients.flatMap((client) =>
      Array.from({ length: 100 }, async () => {
        for await (const { metadata } of client.watchMetadata({}, { signal: leave.signal })) {
          first += 1;
          second += branchOf(metadata) === "two" ? 1 : 0;
        }
      }),
    );
    const outcomes = Promise.allSettled(ended);
    await until(() => first === 1_000 && server.subscribers() === 1_000, "all streams wait for changes");
    const { calls } = git;
    git.set(data({ git: { branch: "two" } }));
    await until(() => second === 1_000, "all streams have the change");
    expect(first).toBe(2_000);
    expect(git.calls).toBe(calls + 1);
    leave.abort();
    await outcomes;
    await until(() => server.subscribers() === 0, "no subscriber is left", 1_000);
  });
});
