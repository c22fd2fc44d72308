// The quick way and the library's stream the same bytes; what the quick way leaves, the library answers.

import { request as http1Request } from "node:http";
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
import { RPC_LIMITS } from "../../src/rpc/limits.ts";
import { createQuickWatch, type QuickWatchOptions } from "../../src/rpc/quick-watch.ts";
import { envelope, LEFT, openBothWays, type Way, wayOf } from "../helpers/both-ways.ts";
import { data } from "../helpers/controlled-collector.ts";
import { FUZZ_TIMEOUT_MS, fuzzing } from "../helpers/fuzz.ts";
import { until } from "../helpers/wait.ts";

const PATH = "/fleet.metadata.v1.MetadataService/WatchMetadata";

/** How a call goes over the wire. */
interface Wire {
  readonly http: 1 | 2;
  readonly type: string;
  /** What the names of the headers about encodings begin with. */
  readonly encoding: string;
  readonly timeout: string;
}

const GRPC: Wire = { http: 2, type: "application/grpc", encoding: "grpc-", timeout: "grpc-timeout" };
const GRPC_WEB: Wire = { ...GRPC, type: "application/grpc-web+proto" };
const CONNECT: Wire = {
  http: 2,
  type: "application/connect+proto",
  encoding: "connect-content-",
  timeout: "connect-timeout-ms",
};
const WIRES: readonly (readonly [name: string, wire: Wire])[] = [
  ["gRPC", GRPC],
  ["gRPC-web over HTTP/2", GRPC_WEB],
  ["gRPC-web over HTTP/1.1", { ...GRPC_WEB, http: 1 }],
  ["Connect over HTTP/2", CONNECT],
  ["Connect over HTTP/1.1", { ...CONNECT, http: 1 }],
];

/** A timeout that the quick way leaves to the library. */
const byLibrary = ({ timeout }: Wire) => ({ [timeout]: timeout === "grpc-timeout" ? "30000000u" : "30000" });

/** The header that says which compression a client takes. */
const accepting = ({ encoding }: Wire, names: string) => ({
  [`${encoding.replace("content-", "")}accept-encoding`]: names,
});

/** What a client has got of an answer. */
interface Seen {
  headers: Record<string, unknown>;
  trailers: Record<string, unknown>;
  body: Buffer;
  ended: boolean;
}

async function openServer(
  found?: Parameters<typeof openBothWays>[1],
  other: Partial<QuickWatchOptions> = {},
) {
  /** Runs once the quick way has been called, and before anything of the request's body is here. */
  let called = (): void => undefined;
  const atCall = (action: () => void): void => {
    called = action;
  };
  const ways = await openBothWays((options) => {
    const quickWatch = createQuickWatch({ ...options, ...other });
    return (call) => {
      const answered = quickWatch(call);
      called();
      return answered;
    };
  }, found);
  const { session, http1Url, collector, service } = ways;
  const watch = (way: Way, wire: Wire, headers: Record<string, string>, body: Uint8Array) => {
    const seen: Seen = { headers: {}, trailers: {}, body: Buffer.alloc(0), ended: false };
    const sent = { "content-type": wire.type, ...headers, ...wayOf(way) };
    const onHead = ({ date: _, ...received }: Record<string, unknown>): void => {
      seen.headers = received;
    };
    const onData = (chunk: Buffer): void => {
      seen.body = Buffer.concat([seen.body, chunk]);
    };
    const onClose = (): void => {
      seen.ended = true;
    };
    if (wire.http === 2) {
      const stream = session.request({ ":method": "POST", ":path": PATH, ...sent });
      stream.on("error", () => undefined);
      stream.on("response", onHead);
      stream.on("trailers", (received) => {
        seen.trailers = { ...received };
      });
      stream.on("data", onData);
      stream.on("close", onClose);
      stream.end(body);
      return { seen, leave: () => stream.close(8) };
    }
    const call = http1Request(`${http1Url}${PATH}`, { method: "POST", headers: sent }, (answer) => {
      onHead({ ":status": answer.statusCode, ...answer.headers });
      answer.on("data", onData);
      answer.on("end", () => {
        seen.trailers = { ...answer.trailers };
      });
      answer.on("error", () => undefined);
    });
    call.on("error", () => undefined);
    call.on("close", onClose);
    call.end(body);
    return { seen, leave: () => call.destroy() };
  };
  const change = async (branch: string): Promise<void> => {
    collector.set(data({ git: { branch } }));
    await service.read({ selection: selectKeys(service.catalogue) });
  };
  return { ...ways, watch, change, atCall };
}

function request(message: MessageInitShape<typeof WatchMetadataRequestSchema> = {}): Buffer {
  return envelope(toBinary(WatchMetadataRequestSchema, create(WatchMetadataRequestSchema, message)));
}

/** What has come of a body, envelope by envelope. */
function envelopesIn(body: Buffer): { flags: number; message: Buffer }[] {
  const found: { flags: number; message: Buffer }[] = [];
  for (let rest = body; rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1); ) {
    const end = 5 + rest.readUInt32BE(1);
    found.push({ flags: rest[0] ?? 0, message: rest.subarray(5, end) });
    rest = rest.subarray(end);
  }
  return found;
}

/** The states among them. */
function messagesIn(body: Buffer): { flags: number; message: Buffer }[] {
  return envelopesIn(body).filter(({ flags }) => flags <= 1);
}

/** How a stream says that it has ended, whatever its protocol: words and numbers as they stand there. */
function endOf({ trailers, body }: Seen): string {
  const [last] = envelopesIn(body).filter(({ flags }) => flags > 1);
  return last?.message.toString() ?? `grpc-status: ${String(trailers["grpc-status"])}`;
}

const PLAIN: readonly (readonly [
  what: string,
  headers: (wire: Wire) => Record<string, string>,
  body: Buffer,
])[] = [
  ["everything", () => ({}), request()],
  ["everything, typed", () => ({}), request({ view: MetadataView.TYPED })],
  ["everything, full", () => ({}), request({ view: MetadataView.FULL })],
  ["some keys", () => ({}), request({ keys: ["git_branch", "workspace_*"] })],
  ["unknown keys", () => ({}), request({ keys: ["git_branch", "nonsense"], view: MetadataView.FULL })],
  ["another heartbeat", () => ({}), request({ heartbeatInterval: { seconds: 60n, nanos: 0 } })],
  ["gzip accepted", (wire) => accepting(wire, "identity,deflate,gzip"), request()],
  ["brotli before gzip", (wire) => accepting(wire, "br, gzip"), request()],
  ["an encoding that is not known", (wire) => accepting(wire, "snappy"), request()],
  ["an encoding that is none", ({ encoding }) => ({ [`${encoding}encoding`]: "identity" }), request()],
];

describe.each(WIRES)("%s: the same bytes, headers and trailers", (_name, wire) => {
  test.each(PLAIN)("%s", async (_, headersOf, body) => {
    const headers = headersOf(wire);
    const { watch, change, rpc, shutdown, codes, quickCodes } = await openServer();
    const ways = [
      watch("quick", wire, headers, body),
      watch("server", wire, { ...headers, ...byLibrary(wire) }, body),
    ];
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
    expect(quick && endOf(quick)).toMatch(/"code":"unavailable"|^grpc-status: 14\b/m);
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
    const gzip = accepting(wire, "gzip");
    const ways = [
      watch("quick", wire, gzip, request()),
      watch("server", wire, { ...gzip, ...byLibrary(wire) }, request()),
    ];
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

  test("a caller that goes ends its watch", async () => {
    const { watch, subscribers, quickCodes } = await openServer();
    const { leave, seen } = watch("quick", wire, {}, request());
    await until(() => messagesIn(seen.body).length === 1, "the first state");
    expect(subscribers()).toBe(1);
    leave();
    await until(() => subscribers() === 0, "nobody watches");
    await until(() => quickCodes.length === 1, "the call has ended");
  });

  test("a request that is too large is left to the library, which refuses it", async () => {
    const { watch } = await openServer();
    const body = request({ keys: ["k".repeat(RPC_LIMITS.readMaxBytes)] });
    const ways = [watch("server", wire, {}, body), watch("server", wire, byLibrary(wire), body)];
    await until(() => ways.every(({ seen }) => seen.ended), "both have ended");
    const [server, library] = ways.map(({ seen }) => seen);
    expect(server && endOf(server)).toMatch(/"code":"resource_exhausted"|^grpc-status: 8\b/m);
    expect(server).toEqual(library);
  });

  test("a large request is left to the library, which answers it", async () => {
    const { watch } = await openServer();
    const body = request({ keys: ["git_branch", "k".repeat(40_000)] });
    const ways = [
      watch("quick", wire, {}, body),
      watch("server", wire, {}, body),
      watch("server", wire, byLibrary(wire), body),
    ];
    const [quick, server, library] = ways.map(({ seen }) => seen);
    await until(
      () => [server, library].every((seen) => messagesIn(seen?.body ?? Buffer.alloc(0)).length === 1),
      "both states",
    );
    expect(quick?.headers).toMatchObject({ ":status": LEFT });
    expect(server).toEqual(library);
  });
});

test.each(["application/grpc+proto", "application/grpc-web"])(
  "the other name of a protocol: %s",
  async (type) => {
    const { watch } = await openServer();
    const wire = { ...GRPC, type };
    const ways = [watch("quick", wire, {}, request()), watch("server", wire, byLibrary(wire), request())];
    await until(() => ways.every(({ seen }) => messagesIn(seen.body).length === 1), "the first state");
    const [quick, library] = ways.map(({ seen }) => seen);
    expect(quick?.headers).toMatchObject({ ":status": 200 });
    expect(quick).toEqual(library);
  },
);

describe.each(WIRES)("%s: a watch that ends before its first state says why", (_name, wire) => {
  const expectTold = (seen: Seen | undefined, why: string, word: string): void => {
    expect(seen?.headers).toMatchObject({ ":status": 200 });
    expect(seen && messagesIn(seen.body)).toEqual([]);
    expect(seen && endOf(seen)).toMatch(new RegExp(`"code":"${word}"|^grpc-status: ${why}\\b`, "m"));
  };

  test("when the server stops while it is collected", async () => {
    const { watch, collector, rpc, shutdown, subscribers } = await openServer();
    collector.set("hang");
    const ways = [watch("quick", wire, {}, request()), watch("server", wire, byLibrary(wire), request())];
    await until(() => subscribers() === 2, "both wait");
    rpc.close();
    shutdown.abort(stoppingError());
    await until(() => ways.every(({ seen }) => seen.ended), "the end");
    const [quick, library] = ways.map(({ seen }) => seen);
    expectTold(quick, "14", "unavailable");
    expect(quick).toEqual(library);
    expect(subscribers()).toBe(0);
  });

  test("when the server stops while the request arrives", async () => {
    const { watch, shutdown, subscribers, atCall } = await openServer();
    atCall(() => shutdown.abort(stoppingError()));
    const { seen } = watch("quick", wire, {}, request());
    await until(() => seen.ended, "the end");
    expectTold(seen, "14", "unavailable");
    expect(subscribers()).toBe(0);
  });

  test("when it is too large, or there is a defect", async () => {
    for (const [why, word, encodeAnswer] of [
      ["8", "resource_exhausted", () => [Buffer.alloc(5 * 1024 * 1024)]],
      [
        "13",
        "internal",
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
      const { seen } = watch("quick", wire, {}, request());
      await until(() => seen.ended, "the end");
      expectTold(seen, why, word);
      expect(heard).toHaveLength(why === "13" ? 1 : 0);
    }
  });
});

test("a watch of what has to be collected first waits for it", async () => {
  const { watch, collector } = await openServer();
  collector.set("hang");
  const { seen } = watch("quick", GRPC, {}, request());
  collector.set(data({ git: { branch: "found" } }));
  await until(() => messagesIn(seen.body).length === 1, "the first state");
  const [{ message } = { message: Buffer.alloc(0) }] = messagesIn(seen.body);
  const { metadata } = fromBinary(WatchMetadataResponseSchema, message);
  expect(metadata?.data["git_branch"]?.value?.kind.value).toBe("found");
});

/** What no plain call says in its head or its body, by what it is in each protocol. */
const LEFT_ALONE: readonly (readonly [
  what: string,
  headers: (wire: Wire) => Record<string, string>,
  body: Buffer,
])[] = [
  ["no message", () => ({}), Buffer.alloc(0)],
  ["half a message", () => ({}), request({ keys: ["git_branch"] }).subarray(0, 8)],
  ["two messages", () => ({}), Buffer.concat([request(), request()])],
  ["what is no message", () => ({}), envelope(Buffer.from([0xff, 0xff]))],
  ["the flag of compression without one", () => ({}), envelope(Buffer.alloc(0), 1)],
  ["a heartbeat that is too short", () => ({}), request({ heartbeatInterval: { seconds: 0n, nanos: 1 } })],
  ["a view that is none", () => ({}), request({ view: 99 as MetadataView })],
  [
    "JSON",
    ({ type }) => ({ "content-type": `${type.replace("+proto", "")}+json` }),
    envelope(Buffer.from("[]")),
  ],
  ["an encoding that is not known", ({ encoding }) => ({ [`${encoding}encoding`]: "snappy" }), request()],
  ["a timeout that is none", ({ timeout }) => ({ [timeout]: "soon" }), request()],
];

describe.each(WIRES)("%s: left to the library", (_name, wire) => {
  test.each(LEFT_ALONE)("%s", async (_, headersOf, body) => {
    const { watch } = await openServer();
    const headers = headersOf(wire);
    const ways = [watch("quick", wire, headers, body), watch("server", wire, headers, body)];
    await until(() => ways.every(({ seen }) => seen.ended), "both have ended");
    const [quick, server] = ways.map(({ seen }) => seen);
    expect(quick?.headers).toMatchObject({ ":status": LEFT });
    expect(server && endOf(server)).toMatch(/"code":"\w+"|^grpc-status: [1-9]/m);
  });
});

test("gRPC over HTTP/1.1, which cannot say how a call ends, is left to the library", async () => {
  const { watch } = await openServer();
  const { seen } = watch("quick", { ...GRPC, http: 1 }, {}, request());
  await until(() => seen.ended, "the end");
  expect(seen.headers).toMatchObject({ ":status": LEFT });
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
const isSet = (header: [string, string | undefined]): header is [string, string] => header[1] !== undefined;
const anyHeaders = ({ encoding, type }: Wire) =>
  fc.record(
    {
      "content-type": fc.constantFrom(type, type.replace("+proto", ""), `${type};charset=utf-8`),
      [`${encoding}encoding`]: fc.constantFrom("identity", "gzip", "snappy", ""),
      [`${encoding.replace("content-", "")}accept-encoding`]: fc.constantFrom(
        ...["identity", "gzip", "br,gzip", " , gzip", "snappy", "*", ""],
      ),
      te: fc.constant("trailers"),
      "connect-protocol-version": fc.constantFrom("1", "2"),
      "x-name-bin": fc.constantFrom("AAAA", "***"),
    },
    { requiredKeys: [] },
  );

test.each(WIRES)(
  "%s: whatever the request is, both ways answer it alike",
  async (_name, wire) => {
    const { watch } = await openServer();
    await fc.assert(
      fc.asyncProperty(anyHeaders(wire), anyMessage, async (given, body) => {
        const headers = Object.fromEntries(Object.entries(given).filter(isSet));
        const ways = [
          watch("server", wire, headers, body),
          watch("server", wire, { ...headers, ...byLibrary(wire) }, body),
        ];
        await until(
          () => ways.every(({ seen }) => seen.ended || messagesIn(seen.body).length > 0),
          "both have answered",
        );
        const [either, other] = ways.map(({ seen }) => structuredClone(seen));
        for (const { leave } of ways) {
          leave();
        }
        expect(either, JSON.stringify([headers, body.toString("hex")])).toEqual(other);
      }),
      fuzzing(),
    );
  },
  FUZZ_TIMEOUT_MS,
);
