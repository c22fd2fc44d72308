// Plain JSON, compressed for those who ask for it.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { chooseEncoding } from "../../src/http/compression.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { LARGE_BRANCH, largeAnswer } from "../helpers/large-answer.ts";
import { rawRequest } from "../helpers/raw-http.ts";
import { useServer } from "../helpers/server.ts";

const server = useServer(() => ({ collectors: [largeAnswer().scheduled()] }));
const small = useServer(() => ({
  collectors: [new ControlledCollector("git", data({ git: { branch: "main" } })).scheduled()],
}));

test.each([
  [undefined, undefined],
  ["", undefined],
  ["identity", undefined],
  ["gzip", "gzip"],
  ["br", "br"],
  ["gzip, deflate, br, zstd", "br"],
  ["GZIP;Q=0.5, br;q=0.4", "gzip"],
  ["br ; q=0, gzip ; q = 0.1", "gzip"],
  ["br;q=0, *", "gzip"],
  ["*", "br"],
  ["*;q=0", undefined],
  ["br;q=nonsense", undefined],
  ["deflate, compress", undefined],
])("Accept-Encoding %j: %s", (accepted, expected) => {
  expect(chooseEncoding(accepted)).toBe(expected);
});

const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync };

describe.each(["gzip", "br"] as const)("%s", (encoding) => {
  test("of the metadata and of the documents", async () => {
    const session = await openSession(server().url);
    for (const path of ["/metadata", "/openapi.json", "/schema.json"]) {
      const plain = await http2Request(session, { ":path": path });
      const answer = await http2Request(session, { ":path": path, "accept-encoding": encoding });
      expect(answer.headers).toMatchObject({
        "content-encoding": encoding,
        "content-type": "application/json",
        "content-length": String(answer.body.length),
        vary: "Accept-Encoding",
      });
      expect(answer.body.length).toBeLessThan(plain.body.length / 4);
      expect(plain.headers).toMatchObject({ vary: "Accept-Encoding" });
      expect(plain.headers).not.toHaveProperty("content-encoding");
      // Weak: the same state, whatever its bytes.
      expect(answer.headers.etag).toBe(plain.headers.etag);
      expect(answer.headers.etag).toMatch(/^W\//);
      expect(Object.keys(JSON.parse(DECODERS[encoding](answer.body).toString()) as object)).toEqual(
        Object.keys(JSON.parse(plain.body.toString()) as object),
      );
    }
  });

  test("of nothing that is small, an error, or unchanged", async () => {
    const session = await openSession(small().url);
    const wanted = { "accept-encoding": encoding };
    const answer = await http2Request(session, { ":path": "/metadata", ...wanted });
    expect(answer.headers).not.toHaveProperty("content-encoding");
    expect(answer.headers).toMatchObject({ vary: "Accept-Encoding" });
    const none = await http2Request(session, { ":path": "/nothing", ...wanted });
    expect(none.headers).not.toHaveProperty("content-encoding");
    const headers = { ...wanted, "if-none-match": String(answer.headers.etag) };
    const unchanged = await http2Request(session, { ":path": "/metadata", ...headers });
    expect(unchanged).toMatchObject({ status: 304, headers: { vary: "Accept-Encoding" } });
    expect(unchanged.body).toHaveLength(0);
  });

  test("HEAD says what GET would", async () => {
    const answer = await rawRequest(server(), "HEAD /openapi.json HTTP/1.1", [
      "Host: localhost",
      `Accept-Encoding: ${encoding}`,
    ]);
    expect(answer.headers).toMatchObject({ "content-encoding": encoding });
    const session = await openSession(server().url);
    const got = await http2Request(session, { ":path": "/openapi.json", "accept-encoding": encoding });
    expect(answer.headers).toMatchObject({ "content-length": String(got.body.length) });
  });
});

test("curl --compressed and fetch read it", async () => {
  const { stdout } = await promisify(execFile)("curl", ["-sS", "--compressed", `${server().url}/metadata`], {
    timeout: 20_000,
  });
  expect(JSON.parse(stdout)).toHaveProperty("data.git_branch.value", LARGE_BRANCH);
  const response = await fetch(`${server().url}/metadata`);
  expect(response.headers.get("content-encoding")).toMatch(/^(gzip|br)$/);
  expect(await response.json()).toHaveProperty("data.git_branch.value", LARGE_BRANCH);
});
