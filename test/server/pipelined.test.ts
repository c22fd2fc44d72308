// Requests that are sent before the ones in front of them are answered, on one HTTP/1.1 connection that then breaks.

import { describe, expect, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { startProgram } from "../helpers/program.ts";
import { openSocket, readToEnd } from "../helpers/raw-http.ts";
import { envelope } from "../helpers/raw-stream.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const SERVICE = "/fleet.metadata.v1.MetadataService";

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const post = (method: string, type: string, body: string): string =>
  `POST ${SERVICE}/${method} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const message = envelope("{}").toString("latin1");
const noKeys = envelope("").toString("latin1");
const CALLS: Readonly<Record<string, string>> = {
  "Connect GET": get(`${SERVICE}/GetMetadata?connect=v1&encoding=json&message=%7B%7D`),
  "unary Connect": post("GetMetadata", "application/json", "{}"),
  "unary gRPC-web": post("GetMetadata", "application/grpc-web+json", message),
  "a Connect stream": post("WatchMetadata", "application/connect+json", message),
  "a Connect stream in protobuf": post("WatchMetadata", "application/connect+proto", noKeys),
  "a gRPC-web stream": post("WatchMetadata", "application/grpc-web+json", message),
  "a gRPC-web stream in protobuf": post("WatchMetadata", "application/grpc-web+proto", noKeys),
  "a plain route": get("/metadata"),
  events: get("/metadata/events"),
  "a body that is not all there": post("GetMetadata", "application/json", "{}").slice(0, -1),
};

test("a client that breaks the connection before its calls are answered does not end the process", async () => {
  const { url, kill, ended } = await startProgram([]);
  const { hostname: host, port } = new URL(url);
  for (const call of Object.values(CALLS)) {
    for (const count of [1, 2, 3, 20]) {
      const socket = await openSocket({ host, port: Number(port) });
      socket.write(Buffer.from(call.repeat(count), "latin1"));
      await fetch(`${url}/health`);
      socket.resetAndDestroy();
    }
    expect((await fetch(`${url}/health`)).status, call).toBe(200);
  }
  kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
});

describe("S16: a client that goes leaves nothing of what waits behind a stream:", () => {
  // The first piece of an event stream waits for its turn, and with it all that follows.
  test.each([
    ["a Connect stream", 3],
    ["a Connect stream in protobuf", 3],
    ["a gRPC-web stream", 3],
    ["a gRPC-web stream in protobuf", 3],
    ["events", 1],
    ["a request that waits", 3],
  ])("%s", async (name, watching) => {
    const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
    const server = await startServer({ collectors: [git.scheduled()] });
    const etag = (await fetch(`${server.url}/metadata`)).headers.get("etag") ?? "";
    const wait = `GET /metadata?wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`;
    const socket = await openSocket(server);
    socket.write(Buffer.from((CALLS[name] ?? wait).repeat(3), "latin1"));
    await until(() => server.subscribers() === watching, "they watch");
    socket.destroy();
    await until(() => server.subscribers() === 0, "no subscriber is left", 2_000);
  });
});

test("S10: a connection has 100 requests at a time served, those behind them when it is their turn", async () => {
  const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
  const server = await startServer({ collectors: [git.scheduled()] });
  const etag = (await fetch(`${server.url}/metadata`)).headers.get("etag") ?? "";
  const wait = `GET /metadata?wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`;
  const socket = await openSocket(server);
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const count = 1_000;
  socket.write(wait.repeat(count));
  await until(() => server.subscribers() === 100, "as many as may are held");
  // Others are served meanwhile, and no more of these are.
  for (let read = 0; read < 20; read += 1) {
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  }
  expect(server.subscribers()).toBe(100);
  git.set(data({ git: { branch: "two" } }));
  await until(() => text.split("HTTP/1.1 200 OK").length - 1 === count, "all are answered", 25_000);
  expect(server.subscribers()).toBe(0);
  socket.destroy();
});

describe("S10: a connection with requests without end is closed, and leaves nothing:", () => {
  test.each([
    ["requests that wait", "wait"],
    ["events", "events"],
  ])("%s", async (_, name) => {
    const git = new ControlledCollector("git", data({ git: { branch: "one" } }));
    const server = await startServer({ collectors: [git.scheduled()] });
    const etag = (await fetch(`${server.url}/metadata`)).headers.get("etag") ?? "";
    const wait = `GET /metadata?wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`;
    const socket = await openSocket(server);
    socket.resume();
    let most = 0;
    const requests = Buffer.from((CALLS[name] ?? wait).repeat(1_000), "latin1");
    const ask = (): void => void socket.write(requests, (error) => error || ask());
    ask();
    await until(() => {
      most = Math.max(most, server.subscribers());
      return socket.closed;
    }, "it is closed");
    expect(most).toBeLessThanOrEqual(100);
    await until(() => server.subscribers() === 0, "nothing is left", 2_000);
  });
});

test.each(["events", "a Connect stream", "a Connect stream in protobuf", "unary Connect"])(
  "S16: a client that goes leaves nothing of requests that wait behind %s",
  async (name) => {
    const server = await startServer();
    const etag = (await fetch(`${server.url}/metadata`)).headers.get("etag") ?? "";
    const wait = `GET /metadata?wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`;
    const socket = await openSocket(server);
    socket.write(Buffer.from(`${CALLS[name]}${wait.repeat(3)}`, "latin1"));
    await until(() => server.subscribers() === (name === "unary Connect" ? 3 : 4), "all are held");
    socket.destroy();
    await until(() => server.subscribers() === 0, "nothing is left", 2_000);
  },
);

// Node reads no further on a connection whose answers fill its buffer, and then does not hear that the client has gone.
describe("S16: a client that goes leaves nothing of 100 answers that wait:", () => {
  test.each([
    ["streams", "a Connect stream", 100],
    ["streams in protobuf", "a Connect stream in protobuf", 100],
    ["events", "events", 1],
    ["answers of a route", "a plain route", 1],
    ["answers to calls", "unary Connect", 1],
  ])("%s", async (_, name, watching) => {
    const git = new ControlledCollector("git", data({ git: { branch: "b".repeat(1_000) } }));
    const server = await startServer({ collectors: [git.scheduled()] });
    const socket = await openSocket(server);
    socket.resume();
    socket.write(
      Buffer.from(`${CALLS[watching === 1 ? "events" : name]}${(CALLS[name] ?? "").repeat(99)}`, "latin1"),
    );
    await until(() => server.subscribers() === watching, "they watch");
    // All that waits has been written by now; Node looks at it when one more request comes.
    await fetch(`${server.url}/metadata`);
    socket.write(Buffer.from(CALLS[name] ?? "", "latin1"));
    await fetch(`${server.url}/metadata`);
    socket.resetAndDestroy();
    await until(() => server.subscribers() === 0, "nothing is left", 2_000);
  });
});

describe("S16: a client that goes leaves nothing of a stream", () => {
  const CUT: Readonly<Record<string, string>> = {
    "half of a head": get("/metadata").slice(0, -3),
    "what is no request": "\0 garbage\r\n\r\n",
  };
  const streams = ["events", "a Connect stream", "a Connect stream in protobuf"];
  test.each(streams.flatMap((stream) => Object.keys(CUT).map((cut) => [stream, cut] as const)))(
    "%s, with %s behind it",
    async (stream, cut) => {
      const server = await startServer();
      const socket = await openSocket(server);
      socket.resume();
      socket.write(Buffer.from(`${CALLS[stream]}${CUT[cut]}`, "latin1"));
      await until(() => server.subscribers() === 1, "it watches");
      socket.end();
      await until(() => server.subscribers() === 0, "nothing is left", 2_000);
      await until(() => server.openSockets() === 0, "the connection is gone", 2_000);
    },
  );
});

test.each(["a Connect stream", "a Connect stream in protobuf"])(
  "a server that stops tells %s that waits behind another so, too",
  async (name) => {
    const server = await startServer();
    const socket = await openSocket(server);
    const text = readToEnd(socket);
    socket.write(Buffer.from((CALLS[name] ?? "").repeat(2), "latin1"));
    await until(() => server.subscribers() === 2, "both watch");
    await server.close();
    expect((await text).match(/"code":"unavailable"/g)).toHaveLength(2);
  },
);

test("S16: a client that goes leaves nothing of what has not had its turn", async () => {
  const server = await startServer();
  const etag = (await fetch(`${server.url}/metadata`)).headers.get("etag") ?? "";
  const wait = `GET /metadata?wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`;
  const socket = await openSocket(server);
  socket.write(wait.repeat(500));
  await until(() => server.subscribers() === 100, "as many as may are held");
  socket.resetAndDestroy();
  await until(() => server.subscribers() === 0, "nothing is left", 2_000);
});
