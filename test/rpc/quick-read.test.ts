// The quick way and the library's answer the same request with the same bytes; what the quick way leaves, the library answers.

import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  GetMetadataRequestSchema,
  GetMetadataResponseSchema,
  MetadataView,
} from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { createQuickRead } from "../../src/rpc/quick-read.ts";
import { BY_LIBRARY, envelope, LEFT, openBothWays, type Way, wayOf } from "../helpers/both-ways.ts";
import { data } from "../helpers/controlled-collector.ts";
import { FUZZ_TIMEOUT_MS, fuzzing } from "../helpers/fuzz.ts";
import { type Http2Response, http2Request, readResponse } from "../helpers/http2-client.ts";

const PATH = "/fleet.metadata.v1.MetadataService/GetMetadata";
const GRPC = { "content-type": "application/grpc" };

const openServer = async (found?: Parameters<typeof openBothWays>[1]) => {
  const ways = await openBothWays(createQuickRead, found);
  const ask = (way: Way, headers: Record<string, string>, body: Uint8Array): Promise<Http2Response> =>
    http2Request(
      ways.session,
      { ":method": "POST", ":path": PATH, ...GRPC, ...headers, ...wayOf(way) },
      body,
    );
  return { ...ways, ask };
};

function request(message: MessageInitShape<typeof GetMetadataRequestSchema> = {}): Buffer {
  return envelope(toBinary(GetMetadataRequestSchema, create(GetMetadataRequestSchema, message)));
}

/** All that a client sees, but for the time of sending. */
function seen({ headers, ...rest }: Http2Response): unknown {
  const { date: _, ...others } = headers;
  return { ...rest, headers: { ...others } };
}

const PLAIN: readonly (readonly [what: string, headers: Record<string, string>, body: Buffer])[] = [
  ["everything", {}, request()],
  ["everything, entries", {}, request({ view: MetadataView.ENTRIES })],
  ["everything, typed", {}, request({ view: MetadataView.TYPED })],
  ["everything, full", {}, request({ view: MetadataView.FULL })],
  ["some keys", {}, request({ keys: ["git_branch", "workspace_*"] })],
  ["unknown keys", {}, request({ keys: ["git_branch", "nonsense", "no*"], view: MetadataView.FULL })],
  ["a field that is not known", {}, envelope(Buffer.from([0x78, 1]))],
  ["another content type", { "content-type": "application/grpc+proto" }, request()],
  ["gzip accepted", { "grpc-accept-encoding": "identity,deflate,gzip" }, request()],
  ["brotli before gzip", { "grpc-accept-encoding": "br, gzip" }, request()],
  ["an encoding that is not known", { "grpc-accept-encoding": "snappy" }, request()],
  ["not compressed, as it says", { "grpc-encoding": "identity" }, request()],
];

describe("the same bytes, headers and trailers", () => {
  test.each(PLAIN)("%s", async (_, headers, body) => {
    const { ask } = await openServer();
    // The second answer of the quick way comes from what the first one has left.
    for (const turn of [1, 2]) {
      const quick = await ask("quick", headers, body);
      expect(quick.status, `turn ${turn}`).toBe(200);
      expect(quick.trailers).toMatchObject({ "grpc-status": "0" });
      expect(seen(quick)).toEqual(seen(await ask("server", { ...headers, ...BY_LIBRARY }, body)));
      expect(seen(quick)).toEqual(seen(await ask("server", { ...headers, "grpc-timeout": "30S" }, body)));
    }
  });

  test("after a change, too", async () => {
    const { ask, collector, service } = await openServer();
    await ask("quick", {}, request());
    collector.set(data({ git: { branch: "other" } }));
    await service.read({ selection: selectKeys(service.catalogue) });
    const quick = await ask("quick", {}, request());
    expect(
      fromBinary(GetMetadataResponseSchema, quick.body.subarray(5)).data["git_branch"]?.value?.kind,
    ).toEqual({
      case: "stringValue",
      value: "other",
    });
    expect(seen(quick)).toEqual(seen(await ask("server", BY_LIBRARY, request())));
  });
});

const LEFT_ALONE: readonly (readonly [what: string, headers: Record<string, string>, body: Buffer])[] = [
  ["no message", {}, Buffer.alloc(0)],
  ["half a message", {}, request({ keys: ["git_branch"] }).subarray(0, 8)],
  ["half a prefix", {}, Buffer.alloc(3)],
  ["two messages", {}, Buffer.concat([request(), request()])],
  ["what is no message", {}, envelope(Buffer.from([0xff, 0xff]))],
  ["the flag of compression without one", {}, envelope(Buffer.alloc(0), 1)],
  ["a flag that is not known", {}, envelope(Buffer.alloc(0), 2)],
  ["an age", {}, request({ maxAge: { seconds: 3_600n, nanos: 0 } })],
  ["a negative age", {}, request({ maxAge: { seconds: -1n, nanos: 0 } })],
  ["a view that is none", {}, request({ view: 99 as MetadataView })],
  ["too many names", {}, request({ keys: Array.from({ length: 1_001 }, (_, index) => `k${index}`) })],
  ["a large request", {}, request({ keys: ["k".repeat(40_000)] })],
  ["JSON", { "content-type": "application/grpc+json" }, envelope(Buffer.from("{}"))],
  ["gRPC-web", { "content-type": "application/grpc-web+proto" }, request()],
  ["an encoding that is not known", { "grpc-encoding": "snappy" }, request()],
  ["a timeout that is none", { "grpc-timeout": "soon" }, request()],
];

describe("left to the library", () => {
  test.each(LEFT_ALONE)("%s", async (_, headers, body) => {
    const { ask } = await openServer();
    expect((await ask("quick", headers, body)).status).toBe(LEFT);
    const timeout = headers["grpc-timeout"] ? {} : BY_LIBRARY;
    expect(seen(await ask("server", headers, body))).toEqual(
      seen(await ask("server", { ...headers, ...timeout }, body)),
    );
  });

  test("an answer that is worth compressing", async () => {
    const long = (letter: string): string => letter.repeat(4_000);
    const { ask } = await openServer(
      data({
        git: { branch: long("b"), upstream: long("u"), directory: long("d"), commit: { message: long("m") } },
      }),
    );
    const gzip = { "grpc-accept-encoding": "gzip" };
    expect((await ask("quick", gzip, request())).status).toBe(LEFT);
    const { body, headers } = await ask("server", gzip, request());
    expect([headers["grpc-encoding"], body[0]]).toEqual(["gzip", 1]);
    const plain = await ask("quick", {}, request());
    expect(gunzipSync(body.subarray(5))).toEqual(plain.body.subarray(5));
  });

  test("what has to be collected first", async () => {
    const { ask, collector } = await openServer();
    collector.set("hang");
    expect((await ask("quick", {}, request())).status).toBe(LEFT);
    const answer = ask("server", {}, request());
    collector.set(data({ git: { branch: "found" } }));
    const { data: entries } = fromBinary(GetMetadataResponseSchema, (await answer).body.subarray(5));
    expect(entries["git_branch"]?.value?.kind.value).toBe("found");
  });

  test("the deadline of a read that hangs", async () => {
    const { ask, collector } = await openServer();
    collector.set("hang");
    const { trailers } = await ask("server", { "grpc-timeout": "300m" }, request());
    expect(trailers["grpc-status"]).toBe("4");
  });

  test("a read of a server that stops", async () => {
    const { ask, rpc } = await openServer();
    rpc.close();
    for (const headers of [{}, BY_LIBRARY]) {
      const { headers: head, trailers } = await ask("server", headers, request());
      expect({ ...head, ...trailers }).toMatchObject({ "grpc-status": "14" });
    }
  });

  test("a request that comes in pieces, one byte at a time or late, is answered all the same", async () => {
    const { ask, session } = await openServer();
    const body = request({ keys: ["git_branch"] });
    const whole = await ask("server", {}, body);
    const stream = session.request({ ":method": "POST", ":path": PATH, ...GRPC });
    const answer = readResponse(stream);
    for (const byte of body) {
      stream.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    stream.end();
    expect(seen(await answer)).toEqual(seen(whole));
  });
});

const requestMessage = fc.oneof(
  fc
    .record({
      keys: fc.array(
        fc.constantFrom(
          "git_branch",
          "git_*",
          "*",
          "",
          " git_ahead ",
          "nonsense",
          "constructor",
          "__proto__",
        ),
        { maxLength: 4 },
      ),
      view: fc.constantFrom<MetadataView>(0, 1, 2, 3, 4 as MetadataView, -1 as MetadataView),
    })
    .map((message) => toBinary(GetMetadataRequestSchema, create(GetMetadataRequestSchema, message))),
  // A key that is not UTF-8; a field twice; a field that is not known; a group, and one in the other; an age; what is none.
  fc
    .constantFrom(
      "0a02c3280a01",
      "18011802",
      "f80101",
      "a3011801a401",
      "a301ab01ac01a401",
      "12020801",
      "1a00",
      "ff",
    )
    .map((hex) => Buffer.from(hex, "hex")),
  fc.uint8Array({ maxLength: 12 }),
);
const messages = fc
  .array(
    fc.tuple(
      requestMessage,
      fc.constantFrom(0, 0, 0, 0, 1, 2, 0x80),
      fc.constantFrom(0, 0, 0, 0, -1, 1, 70_000),
    ),
    { minLength: 0, maxLength: 2 },
  )
  .map((list) =>
    Buffer.concat(
      list.map(([message, flags, lie]) => {
        const sent = envelope(message, flags);
        sent.writeUInt32BE(Math.max(0, message.length + lie), 1);
        return sent;
      }),
    ),
  );
const anyOf = (...values: (string | undefined)[]) => fc.constantFrom(undefined, undefined, ...values);
const anyHeaders = fc.record({
  "content-type": fc.constantFrom(
    "application/grpc",
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "application/grpc;charset=utf-8",
    "application/grpc+",
    "APPLICATION/GRPC",
    "application/grpcx",
  ),
  "grpc-encoding": anyOf("identity", "gzip", "br", "snappy", "", "IDENTITY"),
  "grpc-accept-encoding": anyOf("identity", "gzip", "br,gzip", " , gzip", "GZIP", "snappy", "*", ""),
  "grpc-timeout": anyOf("30S", "1H", "99999999H", "0S", "00S", "01M", "30 S", "-1S", "x", "", "999999999S"),
  "accept-encoding": anyOf("gzip"),
  te: anyOf("trailers"),
  "x-name-bin": anyOf("AAAA", "***"),
  "grpc-previous-rpc-attempts": anyOf("1"),
  "connect-protocol-version": anyOf("1", "2"),
});

test(
  "whatever the request is, both ways answer it alike",
  async () => {
    const { ask, session } = await openServer();
    /** Its message comes too late for the quick way. */
    const askLate = async (headers: Record<string, string>, body: Uint8Array): Promise<Http2Response> => {
      const stream = session.request({ ":method": "POST", ":path": PATH, ...headers, ...wayOf("server") });
      const answer = readResponse(stream);
      await delay(25);
      stream.end(body);
      return await answer;
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyHeaders, messages), { minLength: 8, maxLength: 8 }),
        async (calls) => {
          const pairs = calls.map(async ([{ ...given }, body]) => {
            const headers = Object.fromEntries(
              Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined),
            );
            const [whole, late] = await Promise.all([ask("server", headers, body), askLate(headers, body)]);
            expect(seen(whole), JSON.stringify([headers, body.toString("hex")])).toEqual(seen(late));
          });
          await Promise.all(pairs);
        },
      ),
      fuzzing(),
    );
  },
  FUZZ_TIMEOUT_MS,
);
