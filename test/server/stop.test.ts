// How a server ends, whatever its clients are doing.

import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { createTestClient } from "../helpers/clients.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { HTTP2_PREFACE, openSocket, parseResponse, readToEnd } from "../helpers/raw-http.ts";
import { startServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

async function timed(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

describe("stopping", () => {
  test("S18: with everything open at once it takes less than 5 s, and GOAWAY is sent", async () => {
    const git = new ControlledCollector("git", "hang");
    const workspace = new ControlledCollector("workspace", data({ workspace: { name: "ws" } }));
    const server = await startServer({ collectors: [git.scheduled(), workspace.scheduled()] });

    const silent = await openSocket(server);
    const halfPreface = await openSocket(server);
    halfPreface.write(HTTP2_PREFACE.slice(0, 10));
    const halfRequest = await openSocket(server);
    halfRequest.write("GET /health HTTP/1.1\r\nHost: loc");
    const halfBody = await openSocket(server);
    halfBody.write(
      "POST /fleet.metadata.v1.MetadataService/GetMetadata HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
    );
    const hanging = fetch(`${server.url}/metadata`);
    const session = await openSession(server.url);
    const goAway = once(session, "goaway");
    const overHttp2 = http2Request(session, { ":path": "/metadata" });
    const stream = createTestClient("gRPC, HTTP/2", server.url).watchMetadata({ keys: ["workspace_name"] });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const streamEnd = iterator.next().catch((error: unknown) => error);
    await until(() => git.running === 1 && server.openSockets() >= 7, "all of it is open");

    expect(await timed(server.close())).toBeLessThan(5_000);
    await within(1_000, "GOAWAY", goAway);
    // Reads that waited for the hanging source are answered with what is known.
    const answer = await hanging;
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ data: { workspace_name: { value: "ws" } } });
    expect((await overHttp2).status).toBe(200);
    expect(await streamEnd).toBeInstanceOf(Error);
    for (const socket of [silent, halfPreface, halfRequest, halfBody]) {
      await readToEnd(socket, 1_000);
    }
    expect(server.openSockets()).toBe(0);
    expect(git.running).toBe(0);
  });

  test("S18: without requests nobody is waited for", async () => {
    const server = await startServer();
    const idle = await openSocket(server);
    idle.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(idle, "data");
    const silent = await openSocket(server);
    const halfRequest = await openSocket(server);
    halfRequest.write("GET /health HTTP/1.1\r\nHost: loc");
    const session = await openSession(server.url);
    expect((await http2Request(session, { ":path": "/health" })).status).toBe(200);
    expect(await timed(server.close())).toBeLessThan(1_000);
    await readToEnd(idle, 1_000);
    await readToEnd(silent, 1_000);
    await readToEnd(halfRequest, 1_000);
    await until(() => session.destroyed, "the session ends");
  });

  test("S18: a new stream on an old session is refused, and so is a new connection", async () => {
    const git = new ControlledCollector("git", "hang");
    const server = await startServer({ collectors: [git.scheduled()] });
    const session = await openSession(server.url);
    // A request that nobody finishes keeps the session for a while.
    const open = session.request(
      {
        ":method": "POST",
        ":path": "/fleet.metadata.v1.MetadataService/GetMetadata",
        "content-type": "application/grpc",
      },
      { endStream: false },
    );
    open.on("error", () => undefined);
    const goAway = once(session, "goaway");
    await until(() => server.openSockets() === 1, "the session is there");
    const closing = server.close();
    await within(1_000, "GOAWAY", goAway);
    await expect(http2Request(session, { ":path": "/health" })).rejects.toThrow();
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    expect(await timed(closing)).toBeLessThan(5_000);
  });

  test("S18: a request on a kept connection is the last one, and is answered", async () => {
    const git = new ControlledCollector("git", "hang");
    const workspace = new ControlledCollector("workspace", data({ workspace: { name: "ws" } }));
    const server = await startServer({ collectors: [git.scheduled(), workspace.scheduled()] });
    const socket = await openSocket(server);
    const { calls } = workspace;
    socket.write("GET /metadata?max_age=0s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until(() => workspace.calls > calls, "the request is being served");
    const text = readToEnd(socket, 5_000);
    await server.close();
    expect(parseResponse(await text).status).toBe(200);
  });

  test("closing twice, and without ever having listened, does no harm", async () => {
    const server = await startServer();
    await Promise.all([server.server.close(), server.server.close()]);
    await server.server.close();
  });
});
