// What a request may cost, in each protocol's own form.

import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createTestClient, TRANSPORT_NAMES } from "../helpers/clients.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { startServer, useServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const PATH = "/fleet.metadata.v1.MetadataService/GetMetadata";
const MIB = 1024 * 1024;

const server = useServer();

/** One message of a gRPC stream. */
function envelope(message: Uint8Array, compressed: boolean): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The error of an answer, in whichever form the protocol has for it. */
async function errorOf(headers: Record<string, string>, body: Uint8Array): Promise<string> {
  const session = await openSession(server().url);
  const answer = await http2Request(session, { ":method": "POST", ":path": PATH, ...headers }, body);
  session.close();
  if (headers["content-type"]?.startsWith("application/grpc-web")) {
    return `grpc ${/grpc-status: (\d+)/i.exec(answer.body.toString("latin1"))?.[1] ?? answer.headers["grpc-status"]}`;
  }
  if (headers["content-type"]?.startsWith("application/grpc")) {
    return `grpc ${answer.trailers["grpc-status"] ?? answer.headers["grpc-status"]}`;
  }
  return `${answer.status} ${(JSON.parse(answer.body.toString()) as { code: string }).code}`;
}

const RESOURCE_EXHAUSTED = 8;

describe("large requests", () => {
  const large = Buffer.alloc(MIB, " ");

  test.each([
    ["Connect with JSON", { "content-type": "application/json" }, large, "429 resource_exhausted"],
    ["Connect with binary", { "content-type": "application/proto" }, large, "429 resource_exhausted"],
    ["gRPC", { "content-type": "application/grpc" }, envelope(large, false), `grpc ${RESOURCE_EXHAUSTED}`],
    [
      "gRPC-web",
      { "content-type": "application/grpc-web" },
      envelope(large, false),
      `grpc ${RESOURCE_EXHAUSTED}`,
    ],
    [
      "gRPC that only says that it is large",
      { "content-type": "application/grpc" },
      envelope(large, false).subarray(0, 100),
      `grpc ${RESOURCE_EXHAUSTED}`,
    ],
  ])("S12: 1 MiB over %s", async (_, headers, body, expected) => {
    expect(await errorOf(headers, body)).toBe(expected);
    expect((await fetch(`${server().url}/health`)).status).toBe(200);
  });

  test("S12: 1 MiB over HTTP/1.1", async () => {
    const response = await fetch(`${server().url}${PATH}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: large,
    });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  });

  // Brotli makes a few hundred bytes of what gzip makes a megabyte of, which is too large by itself.
  const parameters = { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 24 };
  const bombs = {
    gzip: gzipSync(Buffer.alloc(32 * MIB)),
    br: brotliCompressSync(Buffer.alloc(1024 * MIB), { params: parameters }),
  };

  test.each(["gzip", "br"] as const)(
    "S12: a small request in %s that is a large one inside",
    async (encoding) => {
      const bomb = bombs[encoding];
      expect(bomb.length).toBeLessThan(48 * 1024);
      const before = process.memoryUsage().rss;
      const attempts = [
        errorOf({ "content-type": "application/json", "content-encoding": encoding }, bomb),
        errorOf({ "content-type": "application/proto", "content-encoding": encoding }, bomb),
        errorOf({ "content-type": "application/grpc", "grpc-encoding": encoding }, envelope(bomb, true)),
        errorOf({ "content-type": "application/grpc-web", "grpc-encoding": encoding }, envelope(bomb, true)),
      ];
      expect(await Promise.all(attempts)).toEqual([
        "429 resource_exhausted",
        "429 resource_exhausted",
        `grpc ${RESOURCE_EXHAUSTED}`,
        `grpc ${RESOURCE_EXHAUSTED}`,
      ]);
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
    },
  );

  test("S12: a small Connect GET that is a large one inside", async () => {
    const message = bombs.br.toString("base64url");
    const query = new URLSearchParams({
      connect: "v1",
      encoding: "proto",
      base64: "1",
      compression: "br",
      message,
    });
    const response = await fetch(`${server().url}${PATH}?${query}`);
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  });
});

describe("cancelled reads", () => {
  test("S14: 1,000 at once over ten connections", async () => {
    const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
    const busy = await startServer({ collectors: [git.scheduled()] });
    await fetch(`${busy.url}/metadata`, { headers: { connection: "close" } });
    const { calls } = git;
    git.set("hang");
    const sessions = await Promise.all(Array.from({ length: 10 }, () => openSession(busy.url)));
    let closed = 0;
    const streams = sessions.flatMap((session) =>
      Array.from({ length: 100 }, (_, index) => {
        const plain = { ":path": "/metadata" };
        const rpc = { ":method": "POST", ":path": PATH, "content-type": "application/grpc", te: "trailers" };
        const stream = session.request(index % 2 === 0 ? plain : rpc, { endStream: index % 2 === 0 });
        if (index % 2 === 1) {
          stream.end(envelope(Buffer.alloc(0), false));
        }
        stream.on("error", () => undefined);
        stream.once("close", () => {
          closed += 1;
        });
        return stream;
      }),
    );
    await until(() => git.running === 1, "the collection has begun");
    // An answer to a ping comes after all that was sent before it has been taken in.
    await Promise.all(
      sessions.map((session) => new Promise<void>((resolve) => session.ping(() => resolve()))),
    );
    for (const stream of streams) {
      stream.close(8);
    }
    await until(() => closed === 1_000, "all streams are closed");
    for (const session of sessions) {
      session.destroy();
    }
    await until(() => busy.openSockets() === 0, "all connections are gone");
    expect(git.running).toBe(1);
    expect(git.calls).toBeLessThanOrEqual(calls + 2);
    git.set(data({ git: { branch: "after" } }));
    const answer = await fetch(`${busy.url}/metadata`);
    expect(await answer.json()).toHaveProperty("data.git_branch.value", "after");
  });

  test.each(TRANSPORT_NAMES)("S14: 100 over %s", async (name) => {
    const git = new ControlledCollector("git", "hang");
    const busy = await startServer({ collectors: [git.scheduled()] });
    const client = createTestClient(name, busy.url);
    const leave = new AbortController();
    const reads = Array.from({ length: 100 }, () => client.getMetadata({}, { signal: leave.signal }));
    const outcomes = Promise.allSettled(reads);
    await until(() => busy.openSockets() > 0, "the reads arrive");
    leave.abort();
    expect((await outcomes).every((outcome) => outcome.status === "rejected")).toBe(true);
    git.set(data({ git: { branch: "after" } }));
    expect((await client.getMetadata({})).data).toHaveProperty("git_branch");
    expect(git.calls).toBeLessThanOrEqual(3);
  });
});
