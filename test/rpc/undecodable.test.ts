// Requests whose bytes are no message: the client is told that they are its fault, in its protocol's own form.

import { describe, expect, test } from "vitest";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { useServer } from "../helpers/server.ts";

const SERVICE = "/fleet.metadata.v1.MetadataService";
const INTERNAL = "13";
const server = useServer();

/** A field of 16,383 bytes, of which none comes. */
const CUT_OFF = Buffer.from([0x0a, 0xff, 0x7f]);

function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function send(path: string, headers: Record<string, string>, body?: Uint8Array) {
  const session = await openSession(server().url);
  const method = body === undefined ? "GET" : "POST";
  return await http2Request(session, { ":method": method, ":path": `${SERVICE}/${path}`, ...headers }, body);
}

describe("Connect", () => {
  test.each([
    ["no protobuf", { "content-type": "application/proto" }, CUT_OFF, /^parse binary: /],
    ["no JSON", { "content-type": "application/json" }, Buffer.from("{x"), /JSON at position 1/],
    ["no field of that type", { "content-type": "application/json" }, Buffer.from('{"keys":7}'), /keys/],
    [
      "no gzip",
      { "content-type": "application/proto", "content-encoding": "gzip" },
      Buffer.from("nonsense"),
      /^decompression failed$/,
    ],
    [
      "half of a gzip",
      { "content-type": "application/proto", "content-encoding": "gzip" },
      Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]),
      /^decompression failed$/,
    ],
  ])("%s", async (_, headers, body, message) => {
    const answer = await send("GetMetadata", headers, body);
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
    expect(answer.status).toBe(400);
  });

  test("no protobuf, from a caller who does not wait for an answer", async () => {
    const headers = { "content-type": "application/proto", "connect-timeout-ms": "0" };
    const answer = await send("GetMetadata", headers, CUT_OFF);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "deadline_exceeded" });
    expect(answer.status).toBe(504);
  });

  test.each([
    ["no protobuf", "encoding=proto&base64=1&message=Cv9_"],
    ["no base64", "encoding=proto&base64=1&message=***"],
    ["no JSON", "encoding=json&message=%7Bx"],
    ["no message", "encoding=json"],
    ["no gzip", "encoding=json&compression=gzip&base64=1&message=aaaa"],
  ])("GET with %s", async (_, query) => {
    const answer = await send(`GetMetadata?${query}`, {});
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "invalid_argument" });
    expect(answer.status).toBe(400);
  });

  test.each([
    ["no protobuf", "application/connect+proto", envelope(CUT_OFF)],
    ["no JSON", "application/connect+json", envelope(Buffer.from("{x"))],
    ["compressed, in nothing that was said", "application/connect+proto", envelope(CUT_OFF, 1)],
  ])("a stream: %s", async (_, type, body) => {
    const answer = await send("WatchMetadata", { "content-type": type }, body);
    expect(JSON.parse(answer.body.subarray(5).toString())).toMatchObject({
      error: { code: "invalid_argument" },
    });
  });
});

test("gRPC and gRPC-web have INTERNAL for it", async () => {
  for (const method of ["GetMetadata", "WatchMetadata"]) {
    const grpc = await send(method, { "content-type": "application/grpc" }, envelope(CUT_OFF));
    expect(grpc.trailers["grpc-status"]).toBe(INTERNAL);
    const web = await send(method, { "content-type": "application/grpc-web" }, envelope(CUT_OFF));
    expect(web.body.toString()).toContain(`grpc-status: ${INTERNAL}\r\n`);
  }
});
