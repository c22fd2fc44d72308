// Requests that are sent before the ones in front of them are answered, on one HTTP/1.1 connection that then breaks.

import { describe, expect, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { startProgram } from "../helpers/program.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { envelope } from "../helpers/raw-stream.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const SERVICE = "/fleet.metadata.v1.MetadataService";

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const post = (method: string, type: string, body: string): string =>
  `POST ${SERVICE}/${method} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const message = envelope("{}").toString("latin1");
const CALLS: Readonly<Record<string, string>> = {
  "Connect GET": get(`${SERVICE}/GetMetadata?connect=v1&encoding=json&message=%7B%7D`),
  "unary Connect": post("GetMetadata", "application/json", "{}"),
  "unary gRPC-web": post("GetMetadata", "application/grpc-web+json", message),
  "a Connect stream": post("WatchMetadata", "application/connect+json", message),
  "a gRPC-web stream": post("WatchMetadata", "application/grpc-web+json", message),
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
    ["a gRPC-web stream", 3],
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
