// Server-sent events on a real port.

import { fromJsonString } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it, test } from "vitest";
import { GetMetadataResponseSchema } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { startBufferingProxy } from "../helpers/buffering-proxy.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { type EventBlock, openEvents } from "../helpers/event-source.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

let git: ControlledCollector;
let server: TestServer;
let url: string;

beforeEach(async () => {
  git = new ControlledCollector("git", data({ git: { branch: "one" } }));
  server = await startServer({ collectors: [git.scheduled()] });
  url = `${server.url}/metadata/events`;
});

function branchOf(event: EventBlock | undefined): unknown {
  const answer = fromJsonString(GetMetadataResponseSchema, event?.["data"] ?? "");
  expect(answer.meta?.revision).toBe(event?.["id"]);
  expect(event?.["event"]).toBe("metadata");
  return answer.data["git_branch"]?.value?.kind.value;
}

describe("/metadata/events", () => {
  it("tells when to come back, sends the state, then one event per change", async () => {
    const stream = await openEvents(url);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
    expect(stream.response.headers.get("cache-control")).toBe("no-store");
    expect(stream.response.headers.get("x-accel-buffering")).toBe("no");
    expect(stream.response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await stream.next()).toEqual({ retry: "1000" });
    expect(branchOf(await stream.next())).toBe("one");
    git.set(data({ git: { branch: "two" } }));
    expect(branchOf(await stream.next())).toBe("two");
  });

  it("counts keys and names as reads do", async () => {
    const stream = await openEvents(`${url}?keys=git_branch,nonsense&names=proto`);
    await stream.next();
    const { data: text = "" } = (await stream.next()) ?? {};
    expect(JSON.parse(text)).toMatchObject({
      data: { git_branch: { schema: { include_in_list: true } } },
      unknown_keys: ["nonsense"],
    });
    git.set(data({ git: { branch: "one", stashes: 1 } }));
    await fetch(`${server.url}/metadata`);
    git.set(data({ git: { branch: "two", stashes: 2 } }));
    expect(JSON.parse((await stream.next())?.["data"] ?? "")).toHaveProperty("data.git_branch.value", "two");
  });

  it("sends a client that has the state already the next one", async () => {
    const first = await openEvents(url);
    await first.next();
    const id = (await first.next())?.["id"] ?? "";
    first.leave();
    const second = await openEvents(url, { "Last-Event-ID": id });
    expect(await second.next()).toEqual({ retry: "1000" });
    await until(() => server.subscribers() === 1, "it waits for a change");
    git.set(data({ git: { branch: "two" } }));
    expect(branchOf(await second.next())).toBe("two");
    const third = await openEvents(url, { "Last-Event-ID": id });
    await third.next();
    expect(branchOf(await third.next())).toBe("two");
  });

  it("goes through a proxy that keeps answers back until they are whole", async () => {
    const proxy = await startBufferingProxy(server);
    const stream = await openEvents(`${proxy}/metadata/events`);
    await stream.next();
    expect(branchOf(await stream.next())).toBe("one");
    git.set(data({ git: { branch: "two" } }));
    expect(branchOf(await stream.next())).toBe("two");
    stream.leave();
    await until(() => server.subscribers() === 0, "the server knows that the client has left");
  });

  it("is taken up again through such a proxy, with nothing sent twice", async () => {
    const proxy = await startBufferingProxy(server);
    const first = await openEvents(`${proxy}/metadata/events`);
    await first.next();
    const id = (await first.next())?.["id"] ?? "";
    first.leave();
    await until(() => server.subscribers() === 0, "the server knows that the client has left");
    const second = await openEvents(`${proxy}/metadata/events`, { "Last-Event-ID": id });
    await second.next();
    await until(() => server.subscribers() === 1, "it waits for a change");
    git.set(data({ git: { branch: "two" } }));
    expect(branchOf(await second.next())).toBe("two");
  });

  it.each(["garbage", '"', "x".repeat(8_000), "AAAA.99999999999999999999", "\u00e9"])(
    "takes a Last-Event-ID that is none of its own for none: %s",
    async (id) => {
      const stream = await openEvents(url, { "Last-Event-ID": id });
      await stream.next();
      expect(branchOf(await stream.next())).toBe("one");
    },
  );

  it("sends a comment when nothing happens for 15 s", async () => {
    const socket = await openSocket(server);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write("GET /metadata/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until(() => text.includes("\n: nothing has changed\n\n"), "the comment", 28_000);
    expect(text.split("event: metadata")).toHaveLength(2);
    socket.destroy();
  });

  it("refuses what it does not understand, and other methods", async () => {
    const wrong = await fetch(`${url}?names=snake`);
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ error: "invalid_argument", details: { field: "names" } });
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
  });

  it("has no body for HEAD, and leaves nothing behind", async () => {
    const response = await fetch(url, { method: "HEAD" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(await response.text()).toBe("");
    const session = await openSession(server.url);
    const head = await http2Request(session, { ":path": "/metadata/events", ":method": "HEAD" });
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    expect(server.subscribers()).toBe(0);
  });

  test("S16: a client that goes leaves no subscriber", async () => {
    const streams = await Promise.all(Array.from({ length: 20 }, () => openEvents(url)));
    const session = await openSession(server.url);
    const overHttp2 = session.request({ ":path": "/metadata/events" });
    await until(() => server.subscribers() === 21, "all streams wait for changes");
    for (const { leave } of streams) {
      leave();
    }
    overHttp2.close(8);
    await until(() => server.subscribers() === 0, "no subscriber is left", 1_000);
  });

  test("S18: a stop ends the stream as a whole one", async () => {
    const stream = await openEvents(url);
    await stream.next();
    await stream.next();
    const session = await openSession(server.url);
    const overHttp2 = http2Request(session, { ":path": "/metadata/events" });
    await until(() => server.subscribers() === 2, "both streams wait for changes");
    await server.close();
    expect(await stream.next()).toBeUndefined();
    expect((await overHttp2).status).toBe(200);
  });
});
