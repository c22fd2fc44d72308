// grpc.health.v1 on whole servers, from before they serve until they are gone.

import { Code, type Client as ConnectClient, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Client, credentials } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../src/gen/health/v1/health_pb.ts";
import { Lifecycle } from "../../src/metadata/lifecycle.ts";
import { createHealthHandlers } from "../../src/rpc/health.ts";
import { startServer, useServer } from "../helpers/server.ts";
import { within } from "../helpers/wait.ts";

const METADATA = "fleet.metadata.v1.MetadataService";

const server = useServer();
const guarded = useServer(() => ({ flags: { token: "s3cret" } }));

function clientOf(url: string): ConnectClient<typeof Health> {
  const sessionManager = new Http2SessionManager(url);
  onTestFinished(() => sessionManager.abort());
  return createClient(Health, createGrpcTransport({ baseUrl: url, sessionManager }));
}

/** The next message of a stream. */
async function next(stream: AsyncIterator<HealthCheckResponse>): Promise<ServingStatus | undefined> {
  const { value } = await within(10_000, "the next status", stream.next());
  return value?.status;
}

describe("Check", () => {
  test.each(["", METADATA, "grpc.health.v1.Health"])("%j serves", async (service) => {
    const { status } = await clientOf(server().url).check({ service });
    expect(status).toBe(ServingStatus.SERVING);
  });

  test.each(["no.such.Service", "fleet.metadata.v1", `${METADATA}/GetMetadata`])(
    "%j is not found, and named",
    async (service) => {
      await expect(clientOf(server().url).check({ service })).rejects.toMatchObject({
        code: Code.NotFound,
        rawMessage: expect.stringContaining(service),
      });
    },
  );

  test("S6: needs no token where there is one", async () => {
    const { status } = await clientOf(guarded().url).check({});
    expect(status).toBe(ServingStatus.SERVING);
    const web = createClient(Health, createGrpcWebTransport({ baseUrl: guarded().url, httpVersion: "1.1" }));
    expect((await web.check({})).status).toBe(ServingStatus.SERVING);
  });

  test("answers another library's probe", async () => {
    const { host, port } = server();
    const probe = new Client(`${host}:${port}`, credentials.createInsecure());
    onTestFinished(() => probe.close());
    const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
      probe.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        (request: Buffer) => request,
        (response: Buffer) => response,
        Buffer.alloc(0),
        (error, response) => (error ? reject(error) : resolve(response)),
      );
    });
    // Field 1, varint, SERVING.
    expect([...(answer ?? [])]).toEqual([8, 1]);
  });
});

test("List tells of the whole and of each service", async () => {
  const { statuses } = await clientOf(server().url).list({});
  expect(Object.keys(statuses).sort()).toEqual(["", METADATA, "grpc.health.v1.Health"]);
  expect(Object.values(statuses).map(({ status }) => status)).toEqual(Array(3).fill(ServingStatus.SERVING));
});

describe("Watch", () => {
  test("tells the state at once, NOT_SERVING when the server stops, and ends as unavailable", async () => {
    const stopping = await startServer();
    const stream = clientOf(stopping.url).watch({ service: METADATA })[Symbol.asyncIterator]();
    expect(await next(stream)).toBe(ServingStatus.SERVING);
    const closing = stopping.close();
    expect(await next(stream)).toBe(ServingStatus.NOT_SERVING);
    await expect(next(stream)).rejects.toMatchObject({ code: Code.Unavailable });
    await closing;
  });

  test("of an unknown service tells so and stays open until the client goes or the server stops", async () => {
    const stopping = await startServer();
    const client = clientOf(stopping.url);
    const gone = new AbortController();
    const left = client
      .watch({ service: "no.such.Service" }, { signal: gone.signal })
      [Symbol.asyncIterator]();
    const stream = client.watch({ service: "no.such.Service" })[Symbol.asyncIterator]();
    expect(await next(left)).toBe(ServingStatus.SERVICE_UNKNOWN);
    expect(await next(stream)).toBe(ServingStatus.SERVICE_UNKNOWN);
    gone.abort();
    await expect(next(left)).rejects.toMatchObject({ code: Code.Canceled });
    await stopping.close();
    await expect(next(stream)).rejects.toMatchObject({ code: Code.Unavailable });
  });

  test("a server that is starting does not serve yet", async () => {
    const lifecycle = new Lifecycle();
    const { check, watch } = createHealthHandlers({ lifecycle, services: [METADATA] });
    const call = new AbortController();
    const context = { signal: call.signal } as Parameters<typeof watch>[1];
    const request = { service: METADATA } as Parameters<typeof watch>[0];
    expect(await check(request, context)).toMatchObject({ status: ServingStatus.NOT_SERVING });
    const stream = watch(request, context)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ status: ServingStatus.NOT_SERVING });
    const following = stream.next();
    lifecycle.enter("healthy");
    expect((await following).value).toMatchObject({ status: ServingStatus.SERVING });
    const ending = stream.next();
    call.abort(new Error("the call ended"));
    await expect(ending).rejects.toThrow("the call ended");
  });
});
