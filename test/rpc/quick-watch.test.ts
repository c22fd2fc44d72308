// The quick way and the library's stream the same bytes; what the quick way leaves, the library answers.

import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  MetadataView,
  WatchMetadataRequestSchema,
  WatchMetadataResponseSchema,
} from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { Lifecycle } from "../../src/metadata/lifecycle.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import { compressionBrotli, compressionGzip } from "../../src/rpc/compression.ts";
import { createAnswerEncoder } from "../../src/rpc/encoded-answers.ts";
import { stoppingError } from "../../src/rpc/errors.ts";
import { createRpcHandler } from "../../src/rpc/handler.ts";
import { createQuickWatch, isPlainWatch } from "../../src/rpc/quick-watch.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { FUZZ_TIMEOUT_MS, fuzzing } from "../helpers/fuzz.ts";
import { openSession } from "../helpers/http2-client.ts";
import { ManualTime } from "../helpers/manual-time.ts";
import { countSubscribers } from "../helpers/subscribers.ts";
import { until } from "../helpers/wait.ts";

const PATH = "/fleet.metadata.v1.MetadataService/WatchMetadata";
const GRPC = { "content-type": "application/grpc" };

/** "quick": the quick way alone. Otherwise as the server does it. */
type Way = "quick" | "server";

/** What the quick way leaves alone is answered with this status. */
const LEFT = 421;

/** A timeout, which the quick way leaves to the library. */
const BY_LIBRARY = { "grpc-timeout": "30000000u" };

/** A server of both ways on one service, whose time stands still. */
async function openServer(found = data({ git: { branch: "main", ahead: 0, detached: false } })) {
  const time = new ManualTime();
  const collector = new ControlledCollector("git", found);
  const service = new MetadataService({ collectors: [collector.scheduled()], clock: time, timers: time });
  const defects: unknown[] = [];
  const codes: string[] = [];
  const options = {
    service,
    clock: time,
    serverVersion: "1.2.3",
    onError: (error: unknown) => void defects.push(error),
  };
  const rpc = createRpcHandler({ ...options, lifecycle: new Lifecycle() });
  const shutdown = new AbortController();
  const quickWatch = createQuickWatch({
    ...options,
    encodeAnswer: createAnswerEncoder(options),
    acceptCompression: [compressionGzip, compressionBrotli],
    shutdown: shutdown.signal,
  });
  const server = createServer((request, response) => {
    const write = (bytes: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => {
        response.once("close", () => reject(new Error("the connection was closed")));
        response.write(bytes, () => resolve());
      });
    if (request.headers["x-way"] === "quick") {
      const left = (): void => void response.writeHead(LEFT).end();
      if (isPlainWatch(request)) {
        quickWatch(request, response, write).then(
          (ended) => (typeof ended === "string" ? codes.push(ended) : left()),
          () => codes.push("broken"),
        );
      } else {
        left();
      }
    } else {
      rpc.handle(request, response, write).then(
        (code) => codes.push(code),
        () => codes.push("broken"),
      );
    }
  });
  const subscribers = countSubscribers({ service });
  service.start();
  await service.read({ selection: selectKeys(service.catalogue) });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    await service.close();
    expect(defects).toEqual([]);
  });
  const session = await openSession(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const watch = (way: Way, headers: Record<string, string>, body: Uint8Array) => {
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      ...GRPC,
      ...headers,
      "x-way": way,
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
  return { watch, change, collector, subscribers, rpc, shutdown, codes };
}

function request(message: MessageInitShape<typeof WatchMetadataRequestSchema> = {}): Buffer {
  return envelope(toBinary(WatchMetadataRequestSchema, create(WatchMetadataRequestSchema, message)));
}

function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
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
    const { watch, change, rpc, shutdown, codes } = await openServer();
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
    expect(codes).toEqual(["unavailable", "unavailable"]);
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

test("a caller that goes ends its watch", async () => {
  const { watch, subscribers, codes } = await openServer();
  const { stream, seen } = watch("quick", {}, request());
  await until(() => messagesIn(seen.body).length === 1, "the first state");
  expect(subscribers()).toBe(1);
  stream.close(8);
  await until(() => subscribers() === 0, "nobody watches");
  await until(() => codes.length === 1, "the call has ended");
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
