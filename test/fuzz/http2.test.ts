// Arbitrary frames behind the preface of HTTP/2: whatever they are, the next request is served.

import fc from "fast-check";
import { test } from "vitest";
import {
  boundMemory,
  exchange,
  expectUnharmed,
  FUZZ_TIMEOUT_MS,
  fuzzing,
  inPieces,
  mutated,
  useCrashes,
} from "../helpers/fuzz.ts";
import { frame } from "../helpers/http2-frames.ts";
import { HTTP2_PREFACE } from "../helpers/raw-http.ts";
import { SERVED_PATHS } from "../helpers/served-paths.ts";
import { useServer } from "../helpers/server.ts";

const server = useServer(() => ({ collectors: "real", limits: { prefaceTimeoutMs: 500 } }));
const crashes = useCrashes();

const PREFACE = Buffer.from(HTTP2_PREFACE);
const SETTINGS = 4;
const HEADERS = 1;

/** A header as a literal that is not indexed (RFC 7541, 6.2.2). */
function literal([name, value]: readonly [string, string]): Buffer {
  return Buffer.concat([Buffer.from([0]), ...[name, value].map(hpackString)]);
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8").subarray(0, 126);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

const text = fc.oneof(
  fc.string({ unit: "grapheme-ascii", maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const value = (...known: string[]) => fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, text);
const field = fc.oneof(
  fc.tuple(fc.constant(":method"), value("GET", "POST", "CONNECT", "OPTIONS")),
  fc.tuple(fc.constant(":path"), value(...SERVED_PATHS, "*")),
  fc.tuple(fc.constant(":scheme"), value("http", "https", "", "a b")),
  fc.tuple(fc.constantFrom(":authority", "host"), value("localhost", "[", "1.2.3.4.5", "evil.example")),
  fc.tuple(fc.constant(":protocol"), value("websocket")),
  fc.tuple(
    fc.constant("content-type"),
    value("application/json", "application/grpc", "application/grpc-web", "application/connect+proto"),
  ),
  fc.tuple(fc.constant("content-length"), value("0", "2", "-1", "99999999999")),
  fc.tuple(
    fc.constantFrom("grpc-timeout", "connect-timeout-ms", "te", "expect", "if-none-match"),
    value("1S", "1", "trailers", "100-continue", "*"),
  ),
  fc.tuple(fc.constantFrom("connection", "transfer-encoding", "upgrade"), value("close", "chunked", "h2c")),
  fc.tuple(fc.string({ unit: "grapheme-ascii", maxLength: 8 }), text),
);
/** Those of a request that is served, and a few others. */
const fields = fc
  .tuple(
    fc.constantFrom("GET", "POST"),
    fc.constantFrom(...SERVED_PATHS),
    fc.constantFrom(
      "application/json",
      "application/proto",
      "application/grpc",
      "application/grpc-web",
      "application/connect+json",
    ),
    fc.array(field, { maxLength: 4 }),
  )
  .map(([method, path, type, others]): (readonly [string, string])[] => [
    [":method", method],
    [":path", path],
    [":scheme", "http"],
    [":authority", "localhost"],
    ["content-type", type],
    ...others,
  ]);
const block = mutated(
  fc.oneof(fields, fc.array(field, { maxLength: 8 })).map((list) => Buffer.concat(list.map(literal))),
);

const stream = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 3, 5, 7) },
  fc.constantFrom(0, 2),
  fc.nat(0xffff_ffff),
);
const anyFrame = fc
  .record({
    type: fc.oneof(fc.nat(12), fc.nat(255)),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.nat(255)),
    stream,
    payload: fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 4, maxLength: 4 })),
    length: fc.option(fc.nat(2 ** 24), { nil: undefined, freq: 20 }),
  })
  .map(({ type, flags, stream: id, payload, length }) => frame(type, flags, id, payload, length));
const headersFrame = fc
  .record({ flags: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(4, 5) }, fc.nat(255)), stream, block })
  .map(({ flags, stream: id, block: payload }) => frame(HEADERS, flags, id, payload));
const dataFrame = fc
  .record({ flags: fc.constantFrom(0, 1, 8), stream, payload: fc.uint8Array({ maxLength: 60 }) })
  .map(({ flags, stream: id, payload }) => frame(0, flags, id, payload));
const frames = fc
  .array(fc.oneof(anyFrame, { weight: 2, arbitrary: headersFrame }, dataFrame), { maxLength: 12 })
  .map((list) => Buffer.concat(list));

test(
  "S1, S5, S11: arbitrary frames",
  async () => {
    const checkMemory = boundMemory();
    const start = Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0))]);
    const connection = inPieces(frames).map((pieces) => [start, ...pieces]);
    await fc.assert(
      fc.asyncProperty(fc.array(connection, { minLength: 1, maxLength: 4 }), async (connections) => {
        const answers = await Promise.all(connections.map((pieces) => exchange(server(), pieces)));
        await expectUnharmed(server(), server().defects, crashes(), answers.join("\n"));
      }),
      fuzzing(),
    );
    checkMemory();
  },
  FUZZ_TIMEOUT_MS,
);
