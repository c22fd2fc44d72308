// Sockets: silence, slowness, too many, too large. Real limits where waiting for them is bearable.

import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession, readResponse } from "../helpers/http2-client.ts";
import { field, fieldsOfGet, frame } from "../helpers/http2-frames.ts";
import { HTTP2_PREFACE, openSocket, parseResponse, readToEnd, sendRaw } from "../helpers/raw-http.ts";
import { startServer, type TestServer, useServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const REQUEST = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const server = useServer();

async function expectServed(target: TestServer): Promise<void> {
  expect(parseResponse(await sendRaw(target, REQUEST)).status).toBe(200);
}

/** Milliseconds until the server ends the connection. */
async function lifetime(socket: Socket): Promise<number> {
  const start = performance.now();
  await readToEnd(socket);
  return performance.now() - start;
}

/** The statuses of all answers in a text. */
function statusesOf(text: string): (string | undefined)[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
}

describe("silence", { concurrent: true }, () => {
  test.for([
    ["nothing", ""],
    ["P", "P"],
    ["half a preface", HTTP2_PREFACE.slice(0, 12)],
    ["a preface but for its last byte", HTTP2_PREFACE.slice(0, -1)],
    ["a preface and then nothing", HTTP2_PREFACE],
    ["a preface and half a frame", `${HTTP2_PREFACE}\0\0\0`],
  ])("S8: a connection that sent %s is closed within 5 s", async ([, bytes = ""], { expect }) => {
    const socket = await openSocket(server());
    socket.write(Buffer.from(bytes, "latin1"));
    expect(await lifetime(socket)).toBeLessThan(5_000);
    await expectServed(server());
  });

  test("S9: a byte of header a second ends in 408 within 10 s", async ({ expect }) => {
    const attack = async (request: string): Promise<void> => {
      const socket = await openSocket(server());
      const drip = async (): Promise<void> => {
        for (const byte of request) {
          if (socket.destroyed) {
            return;
          }
          socket.write(byte);
          // The attack itself is slow.
          await delay(1_000);
        }
      };
      const start = performance.now();
      const [text] = await Promise.all([readToEnd(socket), drip()]);
      expect(performance.now() - start).toBeLessThan(11_000);
      const response = parseResponse(text);
      expect(response.status).toBe(408);
      expect(response.headers["x-content-type-options"]).toBe("nosniff");
      expect(JSON.parse(response.body)).toMatchObject({ error: "deadline_exceeded" });
    };
    // The second one begins as a preface does.
    await Promise.all([attack("GET /health HTTP/1.1\r\nX: y"), attack("PUT /health HTTP/1.1\r\nX: y")]);
  });
});

describe("telling the protocols apart", () => {
  test("S9: a preface split at every byte works", async () => {
    const goAway = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (let offset = 1; offset <= HTTP2_PREFACE.length; offset += 1) {
      const socket = await openSocket(server());
      socket.write(HTTP2_PREFACE.slice(0, offset));
      await segmentSent();
      socket.write(HTTP2_PREFACE.slice(offset));
      socket.write(EMPTY_SETTINGS);
      const [first] = (await within(5_000, `settings after a split at ${offset}`, once(socket, "data"))) as [
        Buffer,
      ];
      // The server's own settings come first: type 4.
      expect(first[3]).toBe(4);
      socket.write(goAway);
      socket.destroy();
    }
  });

  test("S9: a request split at every byte works", async () => {
    for (let offset = 1; offset < REQUEST.length; offset += 1) {
      const socket = await openSocket(server());
      socket.write(REQUEST.slice(0, offset));
      await segmentSent();
      socket.write(REQUEST.slice(offset));
      expect(parseResponse(await readToEnd(socket)).status).toBe(200);
    }
  });

  test("S9: both protocols byte by byte", async () => {
    const plain = await openSocket(server());
    for (const byte of REQUEST) {
      plain.write(byte);
      await segmentSent();
    }
    expect(parseResponse(await readToEnd(plain)).status).toBe(200);
    const framed = await openSocket(server());
    for (const byte of [...Buffer.from(HTTP2_PREFACE), ...EMPTY_SETTINGS]) {
      framed.write(Buffer.of(byte));
      await segmentSent();
    }
    const [first] = (await once(framed, "data")) as [Buffer];
    expect(first[3]).toBe(4);
    framed.destroy();
  });

  it.each(["POST", "PUT", "PROPFIND", "PRI"])(
    "%s begins as the preface does, and is no preface",
    async (method) => {
      const response = parseResponse(await sendRaw(server(), REQUEST.replace("GET", method)));
      expect([400, 405]).toContain(response.status);
    },
  );

  it("a client that ends its side after the request gets its answer", async () => {
    const socket = await openSocket(server());
    socket.end("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
    expect(parseResponse(await readToEnd(socket)).status).toBe(200);
  });

  it("a client that leaves before it said anything leaves nothing behind", async () => {
    for (const bytes of ["", "P", HTTP2_PREFACE, "GET /"]) {
      (await openSocket(server())).end(bytes);
      const reset = await openSocket(server());
      reset.write(bytes);
      reset.resetAndDestroy();
    }
    await until(() => server().openSockets() === 0, "all connections are gone");
    await expectServed(server());
  });
});

/** Until what was written has left as a segment of its own: the next turn of the event loop, without Nagle's delay. */
function segmentSent(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("one connection, several requests", () => {
  const keepAlive = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

  it("keeps an HTTP/1.1 connection, and serves pipelined requests in order", async () => {
    const paths = ["/health", "/metadata/git_branch", "/nothing", "/metadata"];
    const bytes = paths.map(keepAlive).join("") + REQUEST;
    const text = await sendRaw(server(), bytes);
    expect(statusesOf(text)).toEqual(["200", "200", "404", "200", "200"]);
  });

  it("does not put an error among the bytes of an answer that is on its way", async () => {
    const text = await sendRaw(server(), `${keepAlive("/metadata")}\0 garbage\r\n\r\n`);
    expect(statusesOf(text)).toEqual(["200"]);
  });

  it("closes an HTTP/1.1 connection that is silent between requests", async () => {
    const quick = await startServer({ limits: { keepAliveTimeoutMs: 100 } });
    const text = await sendRaw(quick, keepAlive("/health"), 5_000);
    expect(parseResponse(text).status).toBe(200);
  });

  test("S10: an idle session without streams is closed", async () => {
    const quick = await startServer({ limits: { idleSessionTimeoutMs: 100 } });
    const session = await openSession(quick.url);
    const goAway = once(session, "goaway");
    expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
    await within(5_000, "GOAWAY", goAway);
    await until(() => quick.openSockets() === 0, "the session's connection is closed");
  });
});

describe("too many", () => {
  test("S10: more than 100 streams are refused, and the others are served", async () => {
    const { url } = server();
    // Does not wait for the server's settings, which would make the client keep to them.
    const session = connectHttp2(url, { peerMaxConcurrentStreams: 1_000 });
    session.on("error", () => undefined);
    const open = { ":method": "POST", ":path": "/fleet.metadata.v1.MetadataService/GetMetadata" };
    const type = { "content-type": "application/grpc" };
    const outcomes = { open: 0, refused: 0 };
    const streams = Array.from({ length: 150 }, () =>
      session.request({ ...open, ...type }, { endStream: false }),
    );
    for (const stream of streams) {
      stream.on("error", () => undefined);
      stream.once("close", () => {
        outcomes.refused += 1;
      });
    }
    await until(() => outcomes.refused >= 50, "50 streams are refused");
    expect(outcomes.refused).toBe(50);
    await expectServed(server());
    const other = await openSession(url);
    expect((await http2Request(other, { ":path": "/health" })).status).toBe(200);
    session.destroy();
  });

  test.each([
    ["with a body", "/metadata", "text/plain"],
    ["without one, in the form of gRPC", "/no.such.Service/Method", "application/grpc"],
    ["without a body or trailers", "/metadata", "text/plain", { ":method": "OPTIONS" }],
  ])(
    "S10: a stream whose client goes on sending after it has its answer, %s, is closed",
    async (...given) => {
      const [, path, type, headers = {}] = given;
      const session = await openSession(server().url);
      const stream = session.request(
        { ":method": "POST", ":path": path, "content-type": type, ...headers },
        { endStream: false },
      );
      stream.on("error", () => undefined).resume();
      const answer = once(stream, "response");
      const closed = once(stream, "close");
      stream.write("half");
      await within(5_000, "the answer", answer);
      await within(5_000, "the end of the stream", closed);
      expect(stream.rstCode).toBe(0);
    },
  );

  test("S10: more than 1,024 connections are closed at once, and the others are served", async () => {
    const own = await startServer();
    const session = await openSession(own.url);
    const sockets: Socket[] = [];
    while (sockets.length < 1_100) {
      // No more at once than the queue of a listening socket holds.
      const batch = await Promise.all(Array.from({ length: 100 }, () => openSocket(own)));
      for (const socket of batch) {
        socket.resume().write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      }
      sockets.push(...batch);
    }
    const tooMany = sockets.length + 1 - 1_024;
    const closed = (): number => sockets.filter((socket) => socket.destroyed).length;
    await until(() => closed() === tooMany, `${tooMany} connections are closed`);
    expect(own.openSockets()).toBe(1_024);
    expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
    for (const socket of sockets) {
      socket.destroy();
    }
    await until(() => own.openSockets() === 1, "there is room again");
    await expectServed(own);
  });

  test("a body that never ends is 408, or ends the connection of an answer that was sent before", async () => {
    const limits = { requestTimeoutMs: 200, headersTimeoutMs: 200, timeoutCheckIntervalMs: 50 };
    const quick = await startServer({ limits });
    const post = (path: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`;
    const waiting = await sendRaw(quick, post("/fleet.metadata.v1.MetadataService/GetMetadata"));
    expect(statusesOf(waiting)).toEqual(["408"]);
    const answered = await sendRaw(quick, post("/metadata"));
    expect(statusesOf(answered)).toEqual(["405"]);
    const malformed = `POST /metadata HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n`;
    expect(["400", "405"]).toContain(statusesOf(await sendRaw(quick, malformed)).join(" "));
    await expectServed(quick);
  });

  test("a head that never ends is 408 also after nothing was checked for a while", async () => {
    const limits = { requestTimeoutMs: 200, headersTimeoutMs: 200, timeoutCheckIntervalMs: 20 };
    const git = new ControlledCollector("git", "hang");
    const quick = await startServer({ limits, collectors: [git.scheduled()] });
    // Without a connection, and while a request is answered that has arrived.
    await delay(200);
    const socket = await openSocket(quick);
    socket.write("GET /metadata HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await delay(200);
    git.set(data({ git: { branch: "main" } }));
    const text = readToEnd(socket, 5_000);
    socket.write("GET /metadata HTTP/1.1\r\nHost: loc");
    expect(statusesOf(await text)).toEqual(["200", "408"]);
    expect(statusesOf(await sendRaw(quick, "GET / HTTP/1.1\r\nX"))).toEqual(["408"]);
    await expectServed(quick);
  });

  test("S9: a head that never ends is 408 also when nothing has come for long before it", async () => {
    const limits = { headersTimeoutMs: 200, timeoutCheckIntervalMs: 20 };
    const quick = await startServer({ limits });
    const socket = await openSocket(quick);
    const text = readToEnd(socket, 5_000);
    for (const pauseMs of [500, 0, 500]) {
      socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await delay(pauseMs);
    }
    socket.write("GET /health HTTP/1.1\r\nHost: loc");
    expect(statusesOf(await text)).toEqual(["200", "200", "200", "408"]);
  });

  test("a body that never ends is 408 or cut off also when nothing was checked before it", async () => {
    const limits = { requestTimeoutMs: 300, headersTimeoutMs: 200, timeoutCheckIntervalMs: 20 };
    const quick = await startServer({ limits });
    const post =
      "POST /fleet.metadata.v1.MetadataService/GetMetadata HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    const silent = await openSocket(quick);
    const text = readToEnd(silent, 5_000);
    silent.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await delay(600);
    silent.write(post);
    expect(statusesOf(await text)).toEqual(["200", "408"]);
    const watching = await openSocket(quick);
    const end = readToEnd(watching, 5_000);
    watching.write("GET /metadata/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await delay(600);
    watching.write(post);
    expect(statusesOf(await end)).toEqual(["200"]);
  });

  test("a stream whose request never ends is reset", async () => {
    const quick = await startServer({ limits: { requestTimeoutMs: 200, headersTimeoutMs: 200 } });
    const session = await openSession(quick.url);
    for (const path of ["/fleet.metadata.v1.MetadataService/GetMetadata", "/metadata"]) {
      const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
      const stream = session.request(headers, { endStream: false });
      stream.on("error", () => undefined);
      stream.resume();
      await within(5_000, `the stream on ${path} is closed`, once(stream, "close"));
    }
    expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
  });
});

describe("too large", () => {
  test("a head longer than 16 KiB is 431, with all headers", async () => {
    for (const header of [
      `X: ${"x".repeat(20_000)}`,
      `X: ${"x".repeat(1_000_000)}`,
      "x: y\r\n".repeat(20_000),
    ]) {
      const text = await sendRaw(server(), `GET /health HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
      const response = parseResponse(text);
      expect(response.status).toBe(431);
      expect(response.headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
      });
      expect(JSON.parse(response.body)).toMatchObject({ error: "resource_exhausted" });
    }
    await expectServed(server());
  });

  test("over HTTP/2, it resets the stream, and the session is served", async () => {
    const session = await openSession(server().url);
    const long = session.request({ ":path": "/health", x: "x".repeat(20_000) });
    await expect(readResponse(long)).rejects.toThrow();
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, "y"]));
    await expect(readResponse(session.request({ ":path": "/health", ...many }))).rejects.toThrow();
    expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
  });

  it("does not wait for a body that nobody reads", async () => {
    const head = "POST /metadata HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    const socket = await openSocket(server());
    socket.write(head);
    const [answer] = (await within(5_000, "the answer", once(socket, "data"))) as [Buffer];
    expect(parseResponse(answer.toString()).status).toBe(405);
    socket.destroy();
  });
});

describe("floods", () => {
  test("S11: 10,000 rapid resets, and a flood of settings, of pings and of continuations", async () => {
    const fields = fieldsOfGet("/metadata");
    const resets = Array.from({ length: 10_000 }, (_, index) => {
      const stream = index * 2 + 1;
      return Buffer.concat([frame(1, 5, stream, fields), frame(3, 0, stream, Buffer.of(0, 0, 0, 8))]);
    });
    const floods = {
      resets,
      settings: Array.from({ length: 10_000 }, () => EMPTY_SETTINGS),
      pings: Array.from({ length: 10_000 }, () => frame(6, 0, 0, Buffer.alloc(8))),
      continuation: [
        frame(1, 1, 1, fields),
        ...Array.from({ length: 10_000 }, () => frame(9, 0, 1, field(0, "x"))),
      ],
    };
    for (const [name, frames] of Object.entries(floods)) {
      const socket = await openSocket(server());
      socket.resume();
      socket.write(Buffer.concat([Buffer.from(HTTP2_PREFACE), EMPTY_SETTINGS, ...frames]));
      await within(10_000, `served while a flood of ${name} comes in`, expectServed(server()));
      // Closed in the middle of it.
      socket.destroy();
    }
    await until(() => server().openSockets() === 0, "all connections are gone");
    await expectServed(server());
  });
});
