// How many requests may be open on all connections together, and what a client without a token can have the server keep.

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { rawRequest } from "../helpers/raw-http.ts";
import { RPC_PATHS } from "../helpers/served-paths.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

const GET_METADATA = "/fleet.metadata.v1.MetadataService/GetMetadata";
const HEALTH_WATCH = "/grpc.health.v1.Health/Watch";
const EMPTY_MESSAGE = Buffer.alloc(5);

test("S10: more requests than may be open on all connections are refused, in each protocol's own form", async () => {
  const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
  const server = await startServer({
    collectors: [git.scheduled()],
    flags: { token: "secret" },
    limits: { openRequests: 20 },
  });
  const authorization = "Bearer secret";
  const sessions = await Promise.all([openSession(server.url), openSession(server.url)]);
  const watches = Array.from({ length: 20 }, (_, index) => {
    const session = sessions[index % 2] ?? sessions[0];
    const stream = session.request({
      ":method": "POST",
      ":path": HEALTH_WATCH,
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined).resume();
    stream.end(EMPTY_MESSAGE);
    return stream;
  });
  let answered = 0;
  for (const watch of watches) watch.once("response", () => (answered += 1));
  await until(() => answered === watches.length, "all streams are open");

  const [session] = sessions;
  const ask = (headers: Record<string, string>, body?: Uint8Array) =>
    http2Request(session, { authorization, ...headers }, body);
  const call = (type: string, body: Uint8Array) =>
    ask({ ":method": "POST", ":path": GET_METADATA, "content-type": type }, body);

  const grpc = await call("application/grpc", EMPTY_MESSAGE);
  expect(grpc.headers).toMatchObject({ ":status": 200, "grpc-status": "8" });
  const connect = await call("application/json", Buffer.from("{}"));
  expect(connect.status).toBe(429);
  expect(JSON.parse(connect.body.toString())).toMatchObject({ code: "resource_exhausted" });
  const plain = await ask({ ":path": "/metadata" });
  expect(plain.headers).toMatchObject({ ":status": 429, "retry-after": "1", "cache-control": "no-store" });
  expect(JSON.parse(plain.body.toString())).toMatchObject({ error: "resource_exhausted" });
  const over1 = await rawRequest(server, "GET /metadata HTTP/1.1", [
    "Host: localhost",
    `Authorization: ${authorization}`,
  ]);
  expect(over1.status).toBe(429);
  // Who may not ask is told that, and a probe that the server is there.
  expect((await ask({ ":path": "/metadata", authorization: "Bearer wrong" })).status).toBe(401);
  expect((await ask({ ":path": "/health" })).status).toBe(200);

  for (const watch of watches.slice(0, 2)) watch.close();
  let status = 0;
  const tryAgain = async (): Promise<void> => {
    status = (await ask({ ":path": "/metadata" })).status;
  };
  while (status !== 200) {
    await tryAgain();
  }
  expect((await call("application/grpc", EMPTY_MESSAGE)).trailers["grpc-status"]).toBe("0");
});

test("S12: nothing is kept of content types that are none, however many there come", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const used = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const server = await startServer({ flags: { token: "secret" } });
  const paths = RPC_PATHS.filter((path) => path.includes(".Health/"));
  const agent = new Agent({ keepAlive: true, maxSockets: 10 });
  onTestFinished(() => agent.destroy());
  let sent = 0;
  const ask = async (): Promise<number | undefined> => {
    sent += 1;
    const headers = { "content-type": `application/${sent}${"x".repeat(15_000)}` };
    const asked = request(`${server.url}${paths[sent % paths.length]}`, { method: "POST", agent, headers });
    asked.end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "end");
    return answer.statusCode;
  };
  const send = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn += 50) {
      expect(new Set(await Promise.all(Array.from({ length: 50 }, ask)))).toEqual(new Set([415]));
    }
  };
  await send(100);
  const before = used();
  await send(2_000);
  // Were each of them kept, it would be 30 MiB.
  expect(used() - before).toBeLessThan(10 * 1024 * 1024);
});
