// Requests that wait for a change, on a real port.

import { beforeEach, describe, expect, it, test } from "vitest";
import { startBufferingProxy } from "../helpers/buffering-proxy.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { openSocket } from "../helpers/raw-http.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

let git: ControlledCollector;
let server: TestServer;

beforeEach(async () => {
  git = new ControlledCollector("git", data({ git: { branch: "one" } }));
  server = await startServer({ collectors: [git.scheduled()] });
});

const get = (path: string, etag?: string, base = server.url): Promise<Response> =>
  within(
    20_000,
    "an answer",
    fetch(`${base}${path}`, etag === undefined ? {} : { headers: { "if-none-match": etag } }),
  );

const etagOf = async (path: string): Promise<string> => (await get(path)).headers.get("etag") ?? "";

const isHeld = (): Promise<void> => until(() => server.subscribers() === 1, "the request is held");

describe("?wait", () => {
  it.each(["/metadata", "/metadata?keys=git_branch", "/metadata/git_branch"])(
    "of %s holds the request until something changes",
    async (path) => {
      const etag = await etagOf(path);
      const held = get(`${path}${path.includes("?") ? "&" : "?"}wait=5m`, etag);
      await isHeld();
      git.set(data({ git: { branch: "two" } }));
      const response = await held;
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('"two"');
      expect(response.headers.get("etag")).toBe(await etagOf(path));
    },
  );

  it("is not ended by a change of something else", async () => {
    const path = "/metadata?keys=git_branch";
    const etag = await etagOf(path);
    const held = get(`${path}&wait=5m`, etag);
    await isHeld();
    git.set(data({ git: { branch: "one", stashes: 1 } }));
    await until(() => git.running === 0 && git.calls > 1, "the other change is collected");
    git.set(data({ git: { branch: "two", stashes: 1 } }));
    expect(await (await held).json()).toHaveProperty("data.git_branch.value", "two");
  });

  it("does not take a change of something else since for news", async () => {
    const path = "/metadata?keys=git_branch";
    const etag = await etagOf(path);
    git.set(data({ git: { branch: "one", stashes: 1 } }));
    expect(await etagOf(path)).not.toBe(etag);
    const held = await get(`${path}&wait=10ms`, etag);
    expect(held.status).toBe(304);
    expect(held.headers.get("etag")).toBe(etag);
  });

  it("is 304 when the time is over", async () => {
    const etag = await etagOf("/metadata");
    const response = await get("/metadata?wait=10ms", etag);
    expect(response.status).toBe(304);
    expect(response.headers.get("etag")).toBe(etag);
    expect(server.subscribers()).toBe(0);
  });

  it("answers at once without a validator, with one of something else, and when there is news already", async () => {
    const etag = await etagOf("/metadata");
    const other = await startServer();
    const ofOtherRun = (await fetch(`${other.url}/metadata`)).headers.get("etag") ?? "";
    await other.close();
    for (const given of [undefined, ofOtherRun, '"nonsense"', await etagOf("/metadata?names=proto")]) {
      expect((await get("/metadata?wait=5m", given)).status).toBe(200);
    }
    git.set(data({ git: { branch: "two" } }));
    expect((await get("/metadata?wait=5m", etag)).status).toBe(200);
    expect((await get("/metadata?wait=5m", "*")).status).toBe(304);
  });

  it("has a bound", async () => {
    const response = await get("/metadata?wait=6m");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: "invalid_argument",
      message: expect.stringContaining("300000 ms"),
      details: { field: "wait" },
    });
  });

  it("goes through a proxy that keeps answers back until they are whole", async () => {
    const proxy = await startBufferingProxy(server);
    const held = get("/metadata?wait=5m", await etagOf("/metadata"), proxy);
    await isHeld();
    git.set(data({ git: { branch: "two" } }));
    expect(await (await held).json()).toHaveProperty("data.git_branch.value", "two");
  });

  it("works for HEAD", async () => {
    const etag = await etagOf("/metadata");
    const held = fetch(`${server.url}/metadata?wait=5m`, {
      method: "HEAD",
      headers: { "if-none-match": etag },
    });
    await isHeld();
    git.set(data({ git: { branch: "two" } }));
    const response = await held;
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });

  test("S16: a client that goes leaves no subscriber", async () => {
    const etag = await etagOf("/metadata");
    const leaving = await openSocket(server);
    leaving.write(`GET /metadata?wait=5m HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`);
    await isHeld();
    leaving.destroy();
    await until(() => server.subscribers() === 0, "no subscriber is left", 1_000);
  });

  test("S18: at a stop it is told to come back", async () => {
    const held = get("/metadata?wait=5m", await etagOf("/metadata"));
    await isHeld();
    await server.close();
    const response = await held;
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toEqual({
      error: "unavailable",
      message: "the server is stopping",
      details: null,
    });
  });
});
