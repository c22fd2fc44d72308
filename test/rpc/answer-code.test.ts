// How a call has ended, read from what its client is told.

import fc from "fast-check";
import { expect, test } from "vitest";
import { answerCode } from "../../src/rpc/answer-code.ts";

function envelope(flags: number, text: string): Uint8Array {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

test.each<[string, number, string, string | undefined, Uint8Array | undefined, string]>([
  ["gRPC", 200, "application/grpc+proto", "0", undefined, "ok"],
  ["gRPC", 200, "application/grpc", "5", undefined, "not_found"],
  ["gRPC", 200, "application/grpc", undefined, undefined, "unknown"],
  ["gRPC", 200, "application/grpc", "99", undefined, "unknown"],
  ["gRPC-web", 200, "application/grpc-web", undefined, envelope(0x80, "grpc-status: 0\r\n"), "ok"],
  [
    "gRPC-web",
    200,
    "application/grpc-web+json",
    undefined,
    envelope(0x80, "a: b\r\ngrpc-status: 14\r\n"),
    "unavailable",
  ],
  ["gRPC-web", 200, "application/grpc-web", "4", undefined, "deadline_exceeded"],
  ["gRPC-web", 200, "application/grpc-web", undefined, envelope(0, "grpc-status: 0"), "unknown"],
  ["a stream of Connect", 200, "application/connect+proto", undefined, envelope(2, "{}"), "ok"],
  [
    "a stream of Connect",
    200,
    "application/connect+json",
    undefined,
    envelope(2, '{"error":{"code":"resource_exhausted"}}'),
    "resource_exhausted",
  ],
  ["a stream of Connect", 200, "application/connect+json", undefined, envelope(0, "{}"), "unknown"],
  ["a unary call of Connect", 200, "application/proto", undefined, Buffer.from("anything"), "ok"],
  [
    "a unary call of Connect",
    400,
    "application/json",
    undefined,
    Buffer.from('{"code":"invalid_argument"}'),
    "invalid_argument",
  ],
  [
    "a unary call of Connect",
    400,
    "application/json",
    undefined,
    Buffer.from('{"code":"made up"}'),
    "unknown",
  ],
  ["a unary call of Connect", 415, "", undefined, undefined, "unknown"],
])("%s, status %i, %s, grpc-status %s: %j is %s", (_, status, contentType, grpcStatus, last, expected) => {
  expect(answerCode({ status, contentType, grpcStatus, last })).toBe(expected);
});

test("nothing that is answered makes it fail, or makes up a word", () => {
  const types = [
    "application/grpc",
    "application/grpc-web",
    "application/connect+json",
    "application/json",
    "",
  ];
  fc.assert(
    fc.property(
      fc.nat(600),
      fc.constantFrom(...types),
      fc.option(fc.string(), { nil: undefined }),
      fc.option(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => envelope(0x82, text)),
        ),
        { nil: undefined },
      ),
      (status, contentType, grpcStatus, last) => {
        expect(answerCode({ status, contentType, grpcStatus, last })).toMatch(/^[a-z]+(_[a-z]+)*$/);
      },
    ),
  );
});
