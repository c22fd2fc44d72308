// The quick way and the library's stream the same bytes; what the quick way leaves, the library answers.

import { gunzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  MetadataView,
  WatchMetadataRequestSchema,
  WatchMetadataResponseSchema,
} from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { stoppingError } from "../../src/rpc/errors.ts";
import { createQuickWatch, isPlainWatch, type QuickWatchOptions } from "../../src/rpc/quick-watch.ts";
import { BY_LIBRARY, envelope, LEFT, openBothWays, type Way, wayOf } from "../helpers/both-ways.ts";
import { data } from "../helpers/controlled-collector.ts";
import { FUZZ_TIMEOUT_MS, fuzzing } from "../helpers/fuzz.ts";
import { until } from "../helpers/wait.ts";

const PATH = "/fleet.metadata.v1.MetadataService/WatchMetadata";
const GRPC = { "content-type": "application/grpc" };

async function openServer(
  found?: Parameters<typeof openBothWays>[1],
  other: Partial<QuickWatchOptions> = {},
) {
  const quickCodes: string[] = [];
  /** Runs once the quick way has been called, and before anything of the request's body is here. */
  let called = (): void => undefined;
  const atCall = (action: () => void): void => {
    called = action;
  };
  const ways = await openBothWays((options) => {
    const quickWatch = createQuickWatch({ ...options, ...other });
    return (request, response, write, left) => {
      if (isPlainWatch(request)) {
        quickWatch(request, response, write).then(
          (ended) => (typeof ended === "string" ? quickCodes.push(ended) : left()),
          () => quickCodes.push("broken"),
        );
        called();
      } else {
        left();
      }
    };
  }, found);
  const { session, collector, service } = ways;
  const watch = (way: Way, headers: Record<string, string>, body: Uint8Array) => {
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      ...GRPC,
      ...headers,
      ...wayOf(way),
    });
    stream.on("error", () => undefined);
    const seen = { headers: {}, trailers: {}, body: Buffer.alloc(0), ended: false };
    stream.on("response", ({ date: _, ...received }) => {
      seen.headers = { ...received };
    });
    stream.on("trailers", (received) => {
      seen.trailers = { ...received };
    });
    stream.on("data", (chunk: Buffer) => {
      seen.body = Buffer.concat([seen.body, chunk]);
    });
    stream.on("close", () => {
      seen.ended = true;
    });
    stream.end(body);
    return { seen, stream };
  };
  const change = async (branch: string): Promise<void> => {
    collector.set(data({ git: { branch } }));
    await service.read({ selection: selectKeys(service.catalogue) });
  };
  return { ...ways, watch, change, quickCodes, atCall };
}

function request(message: MessageInitShape<typeof WatchMetadataRequestSchema> = {}): Buffer {
  return envelope(toBinary(WatchMetadataRequestSchema, create(WatchMetadataRequestSchema, message)));
}

/** The messages in what has come of a body, and their flags. */
function messagesIn(body: Buffer): { flags: number; message: Buffer }[] {
  const found: { flags: number; message: Buffer }[] = [];
  for (let rest = body; rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1); ) {
    const end = 5 + rest.readUInt32BE(1);
    found.push({ flags: rest[0] ?? 0, message: rest.subarray(5, end) });
    rest = rest.subarray(end);
  }
  return found;
}

const PLAIN: readonly (readonly [what: string, headers: Record<string, string>, body: Buffer])[] = [
  ["everything", {}, request()],
  ["everything, typed", {}, request({ view: MetadataView.TYPED })],
  ["everything, full", {}, request({ view: MetadataView.FULL })],
  ["some keys", {}, request({ keys: ["git_branch", "workspace_*"] })],
  ["unknown keys", {}, request({ keys: ["git_branch", "nonsense"], view: MetadataView.FULL })],
  ["another heartbeat", {}, request({ heartbeatInterval: { seconds: 60n, nanos: 0 } })],
  ["another content type", { "content-type": "application/grpc+proto" }, request()],
  ["gzip accepted", { "grpc-accept-encoding": "identity,deflate,gzip" }, request()],
  ["brotli before gzip", { "grpc-accept-encoding": "br, gzip" }, request()],
  ["an encoding that is not known", { "grpc-accept-encoding": "snappy" }, request()],
];

describe("the same bytes, headers and trailers", () => {
  test.each(PLAIN)("%s", async (_, headers, body) => {
    const { watch, change, rpc, shutdown, codes, quickCodes } = await openServer();
    const ways = [watch("quick", headers, body), watch("server", { ...headers, ...BY_LIBRARY }, body)];
    const all = (messages: number) => (): boolean =>
      ways.every(({ seen }) => messagesIn(seen.body).length === messages);
    await until(all(1), "the first state");
    await change("other");
    await until(all(2), "the change");
    const [quick, library] = ways.map(({ seen }) => seen);
    expect(quick?.headers).toMatchObject({ ":status": 200, "x-accel-buffering": "no" });
    expect(quick).toEqual(library);
    rpc.close();
    // What the server itself ends its calls with.
    shutdown.abort(stoppingError());
    await until(() => ways.every(({ seen }) => seen.ended), "the end");
    expect(quick?.trailers).toMatchObject({ "grpc-status": "14" });
    expect(quick).toEqual(library);
    await until(() => codes.length + quickCodes.length === 2, "the end of both calls");
    expect([...codes, ...quickCodes]).toEqual(["unavailable", "unavailable"]);
  });

  test("what is worth compressing", async () => {
    const long = (letter: string): string => letter.repeat(4_000);
    const { watch } = await openServer(
      data({
        git: { branch: long("b"), upstream: long("u"), directory: long("d"), commit: { message: long("m") } },
      }),
    );
    const gzip = { "grpc-accept-encoding": "gzip" };
    const ways = [watch("quick", gzip, request()), watch("server", { ...gzip, ...BY_LIBRARY }, request())];
    await until(() => ways.every(({ seen }) => messagesIn(seen.body).length === 1), "the first state");
    const [quick, library] = ways.map(({ seen }) => seen);
    expect(quick).toEqual(library);
    const [{ flags, message } = { flags: 0, message: Buffer.alloc(0) }] = messagesIn(
      quick?.body ?? Buffer.alloc(0),
    );
    expect(flags).toBe(1);
    const { metadata } = fromBinary(WatchMetadataResponseSchema, gunzipSync(message));
    expect(metadata?.data["git_branch"]?.value?.kind.value).toBe(long("b"));
  });
});

describe("a watch that ends before its first state says why", () => {
  const toldWhy = (why: string) => ({
    headers: { ":status": 200, "content-type": "application/grpc+proto" },
    trailers: { "grpc-status": why },
    body: Buffer.alloc(0),
  });

  test("when the server stops while it is collected", async () => {
    const { watch, collector, rpc, shutdown, subscribers } = await openServer();
    collector.set("hang");
    const ways = [watch("quick", {}, request()), watch("server", BY_LIBRARY, request())];
    await until(() => subscribers() === 2, "both wait");
    rpc.close();
    shutdown.abort(stoppingError());
    await until(() => ways.every(({ seen }) => seen.ended), "the end");
    const [quick, library] = ways.map(({ seen }) => seen);
    expect(quick).toMatchObject(toldWhy("14"));
    expect(quick).toEqual(library);
    expect(subscribers()).toBe(0);
  });

  test("when the server stops while the request arrives", async () => {
    const { watch, shutdown, subscribers, atCall } = await openServer();
    atCall(() => shutdown.abort(stoppingError()));
    const { seen } = watch("quick", {}, request());
    await until(() => seen.ended, "the end");
    expect(seen).toMatchObject(toldWhy("14"));
    expect(subscribers()).toBe(0);
  });

  test("when it is too large, or there is a defect", async () => {
    for (const [why, encodeAnswer] of [
      ["8", () => [Buffer.alloc(5 * 1024 * 1024)]],
      [
        "13",
        () => {
          throw new Error("a defect");
        },
      ],
    ] as const) {
      const heard: unknown[] = [];
      const { watch } = await openServer(undefined, {
        encodeAnswer,
        onError: (error) => void heard.push(error),
      });
      const { seen } = watch("quick", {}, request());
      await until(() => seen.ended, "the end");
      expect(seen).toMatchObject(toldWhy(why));
      expect(heard).toHaveLength(why === "13" ? 1 : 0);
    }
  });
});

test("a caller that goes ends its watch", async () => {
  const { watch, subscribers, quickCodes } = await openServer();
  const { stream, seen } = watch("quick", {}, request());
  await until(() => messagesIn(seen.body).length === 1, "the first state");
  expect(subscribers()).toBe(1);
  stream.close(8);
  await until(() => subscribers() === 0, "nobody watches");
  await until(() => quickCodes.length === 1, "the call has ended");
});

test("a watch of what has to be collected first waits for it", async () => {
  const { watch, collector } = await openServer();
  collector.set("hang");
  const { seen } = watch("quick", {}, request());
  collector.set(data({ git: { branch: "found" } }));
  await until(() => messagesIn(seen.body).length === 1, "the first state");
  const [{ message } = { message: Buffer.alloc(0) }] = messagesIn(seen.body);
  const { metadata } = fromBinary(WatchMetadataResponseSchema, message);
  expect(metadata?.data["git_branch"]?.value?.kind.value).toBe("found");
});

const LEFT_ALONE: readonly (readonly [what: string, headers: Record<string, string>, body: Buffer])[] = [
  ["no message", {}, Buffer.alloc(0)],
  ["half a message", {}, request({ keys: ["git_branch"] }).subarray(0, 8)],
  ["two messages", {}, Buffer.concat([request(), request()])],
  ["what is no message", {}, envelope(Buffer.from([0xff, 0xff]))],
  ["the flag of compression without one", {}, envelope(Buffer.alloc(0), 1)],
  ["a heartbeat that is too short", {}, request({ heartbeatInterval: { seconds: 0n, nanos: 1 } })],
  ["a view that is none", {}, request({ view: 99 as MetadataView })],
  ["JSON", { "content-type": "application/grpc+json" }, envelope(Buffer.from("[]"))],
  ["an encoding that is not known", { "grpc-encoding": "snappy" }, request()],
  ["a timeout that is none", { "grpc-timeout": "soon" }, request()],
];

describe("left to the library", () => {
  test.each(LEFT_ALONE)("%s", async (_, headers, body) => {
    const { watch } = await openServer();
    const ways = [watch("quick", headers, body), watch("server", headers, body)];
    await until(() => ways.every(({ seen }) => seen.ended), "both have ended");
    const [quick, server] = ways.map(({ seen }) => seen);
    expect(quick?.headers).toMatchObject({ ":status": LEFT });
    expect({ ...server?.headers, ...server?.trailers }).toHaveProperty("grpc-status");
    expect({ ...server?.headers, ...server?.trailers }).not.toMatchObject({ "grpc-status": "0" });
  });
});

test("a large request is left to the library, which answers it", async () => {
  const { watch } = await openServer();
  const body = request({ keys: ["git_branch", "k".repeat(40_000)] });
  const ways = [watch("quick", {}, body), watch("server", {}, body), watch("server", BY_LIBRARY, body)];
  const [quick, server, library] = ways.map(({ seen }) => seen);
  await until(
    () => [server, library].every((seen) => messagesIn(seen?.body ?? Buffer.alloc(0)).length === 1),
    "both states",
  );
  expect(quick?.headers).toMatchObject({ ":status": LEFT });
  expect(server).toEqual(library);
});

const anyMessage = fc.oneof(
  fc
    .record({
      keys: fc.array(
        fc.constantFrom("git_branch", "git_*", "*", "", " git_ahead ", "nonsense", "__proto__"),
        {
          maxLength: 4,
        },
      ),
      view: fc.constantFrom<MetadataView>(0, 1, 2, 3, 4 as MetadataView, -1 as MetadataView),
      heartbeatInterval: fc.constantFrom(undefined, { seconds: 30n, nanos: 0 }, { seconds: 0n, nanos: 0 }),
    })
    .map(({ heartbeatInterval, ...rest }) =>
      request({ ...rest, ...(heartbeatInterval && { heartbeatInterval }) }),
    ),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => envelope(bytes)),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
);
const anyHeaders = fc.record(
  {
    "content-type": fc.constantFrom(
      "application/grpc",
      "application/grpc+proto",
      "application/grpc;charset=utf-8",
    ),
    "grpc-encoding": fc.constantFrom("identity", "gzip", "snappy", ""),
    "grpc-accept-encoding": fc.constantFrom("identity", "gzip", "br,gzip", " , gzip", "snappy", "*", ""),
    te: fc.constant("trailers"),
    "x-name-bin": fc.constantFrom("AAAA", "***"),
  },
  { requiredKeys: [] },
);

test(
  "whatever the request is, both ways answer it alike",
  async () => {
    const { watch } = await openServer();
    await fc.assert(
      fc.asyncProperty(anyHeaders, anyMessage, async (given, body) => {
        const headers: Record<string, string> = { ...given };
        const ways = [watch("server", headers, body), watch("server", { ...headers, ...BY_LIBRARY }, body)];
        await until(
          () => ways.every(({ seen }) => seen.ended || messagesIn(seen.body).length > 0),
          "both have answered",
        );
        const [either, other] = ways.map(({ seen }) => structuredClone(seen));
        for (const { stream } of ways) {
          stream.close(8);
        }
        expect(either, JSON.stringify([headers, body.toString("hex")])).toEqual(other);
      }),
      fuzzing(),
    );
  },
  FUZZ_TIMEOUT_MS,
);
