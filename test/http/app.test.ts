// What holds for every request, with a guard, routes and RPCs that fail.

import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { type AppOptions, createApp } from "../../src/http/app.ts";
import { createListener } from "../../src/http/listener.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { rawRequest, type Target } from "../helpers/raw-http.ts";

const errors: unknown[] = [];
const PATHS = { paths: new Set(["/a.B/C"]), streamPaths: new Set<string>() };
afterEach(() => {
  errors.length = 0;
});

async function serve(options: Partial<AppOptions>): Promise<Target> {
  const app = createApp({
    guard: () => ({}),
    rpc: { ...PATHS, handle: async () => "ok" },
    plain: async () => undefined,
    cors: { allowedMethods: [], allowedHeaders: [], exposedHeaders: [] },
    writeStallMs: 30_000,
    openRequests: 10,
    onError: (error) => errors.push(error),
    ...options,
  });
  const listener = createListener(app);
  const address = await listener.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => listener.close(0));
  return { host: "127.0.0.1", port: "port" in address ? address.port : 0 };
}

describe("a defect", () => {
  const defect = new Error("a secret of the implementation");
  const fail = (): never => {
    throw defect;
  };

  test.each<[string, Partial<AppOptions>, string]>([
    ["in the guard", { guard: fail }, "/"],
    ["in a plain route", { plain: async () => fail() }, "/"],
    ["in a plain route, thrown at once", { plain: fail }, "/"],
    ["in an RPC", { rpc: { ...PATHS, handle: async () => fail() } }, "/a.B/C"],
  ])(
    "%s is 500, told to the log and not to the client, and the next request is served",
    async (_, broken, path) => {
      const target = await serve(broken);
      for (let round = 0; round < 2; round += 1) {
        const response = await rawRequest(target, `GET ${path} HTTP/1.1`, ["Host: localhost"]);
        expect(response.status).toBe(500);
        expect(response.body).not.toContain("secret");
        expect(response.headers["x-content-type-options"]).toBe("nosniff");
        const session = await openSession(`http://127.0.0.1:${target.port}`);
        expect((await http2Request(session, { ":path": path })).status).toBe(500);
      }
      expect(errors).toEqual([defect, defect, defect, defect]);
    },
  );

  test("after the head was sent ends the answer, so that it is not taken for a whole one", async () => {
    const target = await serve({
      plain: async ({ response }) => {
        response.setHeader("content-length", "100");
        if ("stream" in response) {
          response.write("half");
        } else {
          response.write("half");
        }
        fail();
      },
    });
    const response = await rawRequest(target, "GET / HTTP/1.1", ["Host: localhost"]);
    expect(response.body.length).toBeLessThan(100);
    const session = await openSession(`http://127.0.0.1:${target.port}`);
    await expect(http2Request(session, { ":path": "/" })).rejects.toThrow("INTERNAL_ERROR");
    expect(errors).toHaveLength(2);
  });
});
