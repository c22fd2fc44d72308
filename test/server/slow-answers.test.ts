// Clients that ask and do not read the answer: whatever they ask, over either protocol.

import { once } from "node:events";
import { connect } from "node:http2";
import { describe, expect, onTestFinished, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, readResponse } from "../helpers/http2-client.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { envelope, requestStream } from "../helpers/raw-stream.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

const SERVICE = "/fleet.metadata.v1.MetadataService";
const LINE = "x".repeat(4_000);

/** Answers of some 50 KiB. */
async function start(limits: NonNullable<Parameters<typeof startServer>[0]>["limits"] = {}) {
  const text = data({
    git: {
      branch: LINE,
      commit: { hash: LINE, sha: LINE, message: LINE, author: LINE },
      upstream: LINE,
      base: { branch: LINE },
      remote: { name: LINE, url: LINE },
    },
  });
  const git = new ControlledCollector("git", text);
  const server = await startServer({
    collectors: [git.scheduled()],
    limits: { writeStallMs: 500, ...limits },
  });
  return { git, server };
}

/** Makes requests so long that few of them arrive at a time: a connection on which too many wait is closed for that. */
const PADDING = `X-Padding: ${"x".repeat(500)}\r\n`;

const get = (path: string, host = "localhost"): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${PADDING}\r\n`;
const post = (path: string, type: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${PADDING}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const OVER_HTTP1: Readonly<Record<string, string>> = {
  "a plain route": get("/metadata"),
  "the health route": get("/health"),
  "a path where nothing is": get("/nothing"),
  "a Host that is refused": get("/metadata", "evil.example"),
  "a unary Connect call": post(`${SERVICE}/GetMetadata`, "application/json", "{}"),
  "a Connect GET": get(`${SERVICE}/GetMetadata?connect=v1&encoding=json&message=%7B%7D`),
  "a unary gRPC-web call": post(
    `${SERVICE}/GetMetadata`,
    "application/grpc-web+json",
    envelope("{}").toString("latin1"),
  ),
  "a call that is wrong": post(`${SERVICE}/GetMetadata`, "application/json", "nonsense"),
};

const isGone = (server: TestServer): Promise<void> =>
  until(() => server.openSockets() === 0, "the client is cut off", 20_000);

describe("over HTTP/1.1", () => {
  test.each(Object.entries(OVER_HTTP1))("S15: %s", async (_, request) => {
    const { server } = await start();
    const socket = await openSocket(server);
    socket.pause();
    // Asks until the server takes no more, because nobody takes its answers.
    const requests = Buffer.from(request.repeat(Math.ceil(65_536 / request.length)), "latin1");
    const ask = (): void => void socket.write(requests, (error) => error || ask());
    ask();
    await until(() => server.openSockets() === 1, "it is connected");
    await isGone(server);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    socket.destroy();
  });

  test("S15: a client that reads slowly gets the whole answer", async () => {
    const { server } = await start({ writeStallMs: 1_000 });
    const socket = await openSocket(server);
    socket.pause();
    const requests = 150;
    socket.write(get("/metadata").repeat(requests));
    const startMs = performance.now();
    let text = "";
    // In more time than that for which it may take nothing.
    for (let answers = 0; answers < requests; ) {
      const next = performance.now() + 20;
      await until(() => performance.now() > next, "a moment is over");
      const chunk: Buffer | null = socket.read();
      text += chunk?.toString("latin1") ?? "";
      answers = text.split("HTTP/1.1 200 OK").length - 1;
      expect(socket.closed).toBe(false);
      expect(performance.now() - startMs).toBeLessThan(60_000);
    }
    socket.destroy();
  });

  test("S15: an answer that waits for its turn is not cut off", async () => {
    const { git, server } = await start();
    const etag = (await fetch(`${server.url}/metadata?keys=git_stashes`)).headers.get("etag") ?? "";
    const socket = await openSocket(server);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    const wait = `GET /metadata?keys=git_stashes&wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`;
    socket.write(`${wait}${get("/health")}`);
    await until(() => server.subscribers() === 1, "the first one is held");
    const next = performance.now() + 1_500;
    await until(() => performance.now() > next, "three times the time for which a reader may take nothing");
    git.set(data({ git: { stashes: 1 } }));
    await until(() => text.includes('"healthy"'), "both answers");
    expect(text.split("HTTP/1.1 200 OK")).toHaveLength(3);
    socket.destroy();
  });
});

const grpc = { ":method": "POST", ":path": `${SERVICE}/GetMetadata`, te: "trailers" };

const OVER_HTTP2 = {
  "a plain route": [{ ":path": "/metadata" }, undefined],
  "the health route": [{ ":path": "/health" }, undefined],
  "a path where nothing is": [{ ":path": "/nothing" }, undefined],
  "a Host that is refused": [{ ":path": "/metadata", ":authority": "evil.example" }, undefined],
  "a unary gRPC call": [{ ...grpc, "content-type": "application/grpc+json" }, envelope("{}")],
  "a unary Connect call": [{ ...grpc, "content-type": "application/json" }, Buffer.from("{}")],
  "a unary gRPC-web call": [{ ...grpc, "content-type": "application/grpc-web+json" }, envelope("{}")],
  "a call that is wrong": [{ ...grpc, "content-type": "application/json" }, Buffer.from("nonsense")],
} as const;

describe("over HTTP/2", () => {
  test.each(Object.entries(OVER_HTTP2))("S15: %s", async (_, [headers, body]) => {
    const { server } = await start();
    // A window of nothing: not a byte of an answer may be sent.
    const session = connect(server.url, { settings: { initialWindowSize: 0 } });
    onTestFinished(() => session.destroy());
    const stream = requestStream(session, headers, body);
    await within(20_000, "the stream is cut off", once(stream, "close"));
    expect(stream.rstCode).toBe(8);
    // The session itself is well.
    await within(5_000, "the answer to a ping", new Promise((resolve) => session.ping(resolve)));
  });

  test("S15: the other streams of the session are served", async () => {
    const { server } = await start();
    const session = connect(server.url, { settings: { initialWindowSize: 1_000 } });
    onTestFinished(() => session.destroy());
    const blocked = requestStream(session, { ":path": "/metadata" }).pause();
    const closed = once(blocked, "close");
    for (let isOpen = true; isOpen; ) {
      expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
      isOpen = await Promise.race([
        closed.then(() => false),
        new Promise<true>((r) => setImmediate(r, true)),
      ]);
    }
    expect(blocked.rstCode).toBe(8);
  });

  test("S15: a client that reads slowly gets the whole answer", async () => {
    const { server } = await start({ writeStallMs: 1_000 });
    const session = connect(server.url, { settings: { initialWindowSize: 4_096 } });
    onTestFinished(() => session.destroy());
    const stream = requestStream(session, { ":path": "/metadata" });
    stream.on("data", () => {
      stream.pause();
      setTimeout(() => stream.resume(), 200);
    });
    const startMs = performance.now();
    const { body } = await within(60_000, "the whole answer", readResponse(stream));
    expect(JSON.parse(body.toString())).toHaveProperty("data.git_branch.value", LINE);
    expect(performance.now() - startMs).toBeGreaterThan(1_000);
  });
});
