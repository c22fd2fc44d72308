// Arbitrary bytes at the port in cleartext: whatever they are, the next request is served.

import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
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
import { type Endpoint, HTTP2_PREFACE, parseResponse } from "../helpers/raw-http.ts";
import { temporaryDirectory } from "../helpers/repository.ts";
import { SERVED_PATHS } from "../helpers/served-paths.ts";
import { startServer, useServer } from "../helpers/server.ts";

const server = useServer(() => ({ collectors: "real", limits: { prefaceTimeoutMs: 500 } }));
const crashes = useCrashes();

const PREFACE = Buffer.from(HTTP2_PREFACE);
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc
    .tuple(fc.integer({ min: 0, max: PREFACE.length }), fc.uint8Array({ maxLength: 200 }))
    .map(([length, rest]) => Buffer.concat([PREFACE.subarray(0, length), rest])),
  fc.uint8Array({ maxLength: 500 }).map((rest) => Buffer.concat([latin1("\x16\x03\x01\x02\x00\x01"), rest])),
);

test(
  "S1, S5: arbitrary bytes",
  async () => {
    const checkMemory = boundMemory();
    await fc.assert(
      fc.asyncProperty(fc.array(inPieces(anyBytes), { minLength: 1, maxLength: 4 }), async (connections) => {
        const answers = await Promise.all(connections.map((pieces) => exchange(server(), pieces)));
        await expectUnharmed(server(), server().defects, crashes(), answers.join("\n"));
      }),
      fuzzing(),
    );
    checkMemory();
  },
  FUZZ_TIMEOUT_MS,
);

const headerText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
);
const value = (...known: string[]) =>
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, headerText);
const header = fc.oneof(
  fc.tuple(
    fc.constant("Host"),
    value("localhost", "127.0.0.1:80", "[::1]", "[", "1.2.3.4.5", "evil.example", ""),
  ),
  fc.tuple(fc.constant("Origin"), value("http://localhost", "null", "https://[", "http://evil.example")),
  fc.tuple(
    fc.constant("Content-Type"),
    value(
      "application/json",
      "application/proto",
      "application/grpc",
      "application/grpc-web+proto",
      "application/connect+json",
    ),
  ),
  fc.tuple(fc.constant("Content-Length"), value("0", "2", "5", "70000", "-1", "99999999999999999999")),
  fc.tuple(fc.constant("Transfer-Encoding"), value("chunked", "gzip, chunked", "identity")),
  fc.tuple(
    fc.constantFrom("Content-Encoding", "Accept-Encoding", "Grpc-Encoding"),
    value("gzip", "br", "identity", "gzip;q=0", "*"),
  ),
  fc.tuple(fc.constant("Connection"), value("close", "keep-alive", "Upgrade, HTTP2-Settings", "Host")),
  fc.tuple(fc.constant("Upgrade"), value("h2c", "websocket", "TLS/1.0")),
  fc.tuple(fc.constant("Expect"), value("100-continue", "200-ok")),
  fc.tuple(fc.constant("If-None-Match"), value("*", 'W/"x"', '"a", "b"', ",,,")),
  fc.tuple(
    fc.constantFrom("Connect-Timeout-Ms", "Grpc-Timeout", "Connect-Protocol-Version"),
    value("1", "1S", "99999999H", "-1", "1e9"),
  ),
  fc.tuple(fc.constant("Authorization"), value("Bearer x", "Basic x")),
  fc.tuple(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 10 }), headerText),
);
const parameter = fc.tuple(
  value("keys", "max_age", "wait", "names", "encoding", "message", "base64", "connect", "compression"),
  value("git_*", "0s", "1ms", "camel", "proto", "json", "{}", "%7B%7D", "1", "v1", "%", "%00", "*", "gzip"),
);
const requestTarget = fc
  .tuple(
    value(...SERVED_PATHS, "*", "http://localhost/metadata", "//", "/metadata/%ff"),
    fc.array(parameter, { maxLength: 3 }),
  )
  .map(([path, query]) =>
    query.length === 0 ? path : `${path}?${query.map(([name, text]) => `${name}=${text}`).join("&")}`,
  );
const request = fc
  .record({
    method: value("GET", "POST", "HEAD", "OPTIONS", "CONNECT", "PRI", "DELETE"),
    target: requestTarget,
    version: value("HTTP/1.1", "HTTP/1.0", "HTTP/2.0"),
    isOurs: fc.boolean(),
    headers: fc.array(header, { maxLength: 6 }),
    body: fc.oneof(fc.constant(""), fc.constant("{}"), fc.constant("2\r\n{}\r\n0\r\n\r\n"), headerText),
  })
  .map(({ method, target: path, version, isOurs, headers, body }) => {
    const lines = [
      ...(isOurs ? ["Host: localhost"] : []),
      ...headers.map(([name, text]) => `${name}: ${text}`),
    ];
    return latin1(`${[`${method} ${path} ${version}`, ...lines].join("\r\n")}\r\n\r\n${body}`);
  });

test.each(["a port", "a Unix socket, where any Host will do"])(
  "S1, S2, S5, S7: arbitrary requests of HTTP/1.1, and what comes of them by a few changes, at %s",
  async (where) => {
    const path = join(temporaryDirectory(), "socket");
    const isPort = where === "a port";
    const target: Endpoint = isPort ? server() : { path };
    const { defects } = isPort
      ? server()
      : await startServer({ collectors: "real", flags: { listen: `unix:${path}` } });
    const checkMemory = boundMemory();
    await fc.assert(
      fc.asyncProperty(
        fc.array(inPieces(mutated(request)), { minLength: 1, maxLength: 4 }),
        async (connections) => {
          const answers = await Promise.all(connections.map((pieces) => exchange(target, pieces)));
          for (const answer of answers.map((text) =>
            text.replace(/^(HTTP\/1\.1 100 Continue\r\n\r\n)+/, ""),
          )) {
            if (answer !== "") {
              const { status, headers } = parseResponse(answer);
              expect(status).toBeGreaterThanOrEqual(200);
              expect(headers).toMatchObject({
                "x-content-type-options": "nosniff",
                "cross-origin-resource-policy": "same-origin",
                "content-security-policy": expect.stringContaining("default-src 'none'"),
                "cache-control": expect.stringMatching(/^no-(store|cache)$/),
              });
            }
          }
          await expectUnharmed(target, defects, crashes(), answers.join("\n"));
        },
      ),
      fuzzing(),
    );
    checkMemory();
  },
  FUZZ_TIMEOUT_MS,
);
