// Arbitrary messages to every RPC, over every protocol: each gets an answer in its protocol's own form, and the next request is served.

import { once } from "node:events";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  boundMemory,
  expectUnharmed,
  FUZZ_TIMEOUT_MS,
  fuzzing,
  mutated,
  useCrashes,
} from "../helpers/fuzz.ts";
import { openSession } from "../helpers/http2-client.ts";
import { RPC_PATHS } from "../helpers/served-paths.ts";
import { useServer } from "../helpers/server.ts";

const server = useServer(() => ({ collectors: "real" }));
const crashes = useCrashes();

const TYPES = ["proto", "json"].flatMap((format) =>
  ["application/", "application/connect+", "application/grpc+", "application/grpc-web+"].map(
    (type) => type + format,
  ),
);

/** What requests of these services are, or are nearly. */
const json = fc.oneof(
  fc.record(
    {
      keys: fc.oneof(fc.array(fc.string(), { maxLength: 5 }), fc.jsonValue()),
      maxAge: fc.oneof(fc.constantFrom("0s", "1.5s", "-1s", "9999999999999s"), fc.jsonValue()),
      view: fc.oneof(fc.constantFrom("METADATA_VIEW_FULL", 2, 99), fc.jsonValue()),
      heartbeatInterval: fc.oneof(fc.constantFrom("1s", "0s", "3000s"), fc.jsonValue()),
      service: fc.oneof(fc.constantFrom("", "grpc.health.v1.Health"), fc.jsonValue()),
      fileContainingSymbol: fc.oneof(fc.constantFrom("fleet.metadata.v1", "x"), fc.jsonValue()),
      fileContainingExtension: fc.jsonValue(),
      listServices: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);

/** Fields of protobuf: a number, a wire type, and what may follow. */
const binary = fc
  .array(
    fc.tuple(
      fc.nat(127),
      fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc
          .string({ maxLength: 20 })
          .map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])),
      ),
    ),
    { maxLength: 6 },
  )
  .map((fields) => Buffer.concat(fields.flatMap(([tag, rest]) => [Buffer.from([tag]), rest])));

const message = mutated(
  fc.oneof(
    json.map((value) => Buffer.from(JSON.stringify(value) ?? "")),
    binary,
    fc.uint8Array({ maxLength: 200 }),
    fc.constant(Buffer.alloc(0)),
  ),
);

/** Messages of a stream, each behind its flags and its length, which may lie. */
const envelopes = mutated(
  fc
    .array(
      fc.tuple(
        message,
        fc.constantFrom(0, 0, 0, 1, 2, 0x80, 0xff),
        fc.option(fc.nat(0xffff_ffff), { freq: 12 }),
      ),
      {
        maxLength: 3,
      },
    )
    .map((list) =>
      Buffer.concat(
        list.flatMap(([bytes, flags, length]) => {
          const sent = flags === 1 ? gzipSync(bytes) : bytes;
          const head = Buffer.alloc(5);
          head.writeUInt8(flags, 0);
          head.writeUInt32BE(length ?? sent.length, 1);
          return [head, sent];
        }),
      ),
    ),
);

const extraHeader = fc.oneof(
  fc.tuple(
    fc.constantFrom("grpc-timeout", "connect-timeout-ms"),
    fc.constantFrom("1S", "100m", "1", "0", "-1", "99999999H", "x"),
  ),
  fc.tuple(
    fc.constantFrom(
      "grpc-encoding",
      "content-encoding",
      "connect-content-encoding",
      "grpc-accept-encoding",
      "accept-encoding",
    ),
    fc.constantFrom("gzip", "br", "identity", "x", ""),
  ),
  fc.tuple(fc.constant("connect-protocol-version"), fc.constantFrom("1", "2", "")),
  fc.tuple(fc.constant("x-y-bin"), fc.constantFrom("AAAA", "***")),
);

const call = fc.record({
  path: fc.constantFrom(...RPC_PATHS),
  method: fc.constantFrom("POST", "POST", "POST", "GET", "PUT"),
  type: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...TYPES) },
    fc.constantFrom("text/plain", "application/grpc", ""),
  ),
  headers: fc.array(extraHeader, { maxLength: 3 }).map((list) => Object.fromEntries(list)),
  body: fc.oneof(message, envelopes),
  query: fc.option(
    fc.record(
      {
        encoding: fc.constantFrom("json", "proto", "x"),
        message: fc.oneof(
          json.map((value) => JSON.stringify(value) ?? ""),
          fc.string(),
        ),
        base64: fc.constantFrom("1", "0"),
        compression: fc.constantFrom("gzip", "br", "x"),
        connect: fc.constantFrom("v1", "v2"),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
  leavesAfterMs: fc.constantFrom(0, 5, 30),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/** Sends a call. Gives what came back until the call ended, or until the client, who waits for no stream, has left. */
async function send(
  session: ClientHttp2Session,
  { path, method, type, headers, body, query, leavesAfterMs }: Call,
): Promise<string> {
  const suffix = query === undefined ? "" : `?${new URLSearchParams(query)}`;
  const stream = session.request(
    {
      ":method": method,
      ":path": path + suffix,
      te: "trailers",
      ...(type !== "" && { "content-type": type }),
      ...headers,
    },
    { endStream: false },
  );
  stream.on("error", () => undefined);
  const seen: string[] = [];
  let head: IncomingHttpHeaders | undefined;
  const closed = once(stream, "close").catch(() => undefined);
  stream.on("response", (received) => {
    seen.push(JSON.stringify(received));
    head = received;
  });
  stream.on("trailers", (received) => seen.push(JSON.stringify(received)));
  stream.on("data", (chunk: Buffer) => seen.push(chunk.toString("latin1")));
  stream.end(body);
  await Promise.race([closed, delay(leavesAfterMs + 20)]);
  stream.close();
  await closed;
  const answer = seen.join("\n");
  if (head !== undefined) {
    expect(head[":status"], answer).not.toBe(500);
    expect(head).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
  }
  return answer;
}

/** Was answered with `internal`, as if the server were at fault. */
const TOO_LATE: Call = {
  path: "/fleet.metadata.v1.MetadataService/GetMetadata",
  method: "POST",
  type: "application/proto",
  headers: { "connect-timeout-ms": "0" },
  body: Buffer.from([0]),
  query: undefined,
  leavesAfterMs: 30,
};

test(
  "S12, S5: arbitrary messages to every RPC",
  async () => {
    const checkMemory = boundMemory();
    const session = await openSession(server().url);
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 6 }), async (calls) => {
        const answers = await Promise.all(calls.map((each) => send(session, each)));
        expect(session.destroyed).toBe(false);
        await expectUnharmed(server(), server().defects, crashes(), answers.join("\n"));
      }),
      fuzzing([[[TOO_LATE]]]),
    );
    checkMemory();
  },
  FUZZ_TIMEOUT_MS,
);
