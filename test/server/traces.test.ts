// The spans of a whole server, as a collector gets them.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Agent, get } from "node:https";
import { describe, expect, test } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import { createTestClient } from "../helpers/clients.ts";
import { openPull } from "../helpers/cloned-app.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import type { ReceivedSpan } from "../helpers/otlp.ts";
import { parseSeries, scrapeUntil } from "../helpers/prometheus.ts";
import { createRepository } from "../helpers/repository.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { type SpanCollector, startSpanCollector } from "../helpers/span-collector.ts";
import { until } from "../helpers/wait.ts";

const BRANCH = "a-topic-that-is-nobodys-business";

/** A trace that a caller has begun. */
function caller(flags = "01") {
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}

/** The spans of a server that is stopped: by then, it has sent them all. */
async function spansOf(server: TestServer, collector: SpanCollector): Promise<readonly ReceivedSpan[]> {
  await server.close();
  return collector.spans;
}

function only<T>(found: readonly T[]): T {
  expect(found).toHaveLength(1);
  const [one] = found;
  if (one === undefined) {
    throw new Error("there is none");
  }
  return one;
}

function childrenOf(spans: readonly ReceivedSpan[], { spanId, traceId }: ReceivedSpan): ReceivedSpan[] {
  return spans.filter((span) => span.parentSpanId === spanId && span.traceId === traceId);
}

test("a request, the collections that it calls for, git's processes and GitHub's answers are one trace, which the caller began", async () => {
  const collector = await startSpanCollector();
  const { github, repository, options } = await openPull(BRANCH);
  const server = await startServer({ ...options, spanCollector: collector });
  const first = caller();
  const response = await fetch(`${server.url}/metadata`, { headers: first.headers });
  // Nothing of it goes back, and nothing goes to GitHub.
  expect(response.headers.get("traceparent")).toBeNull();
  await scrapeUntil(
    server.url,
    (now) => now.get('fleet_metadata_source_collections_total{source="github",outcome="success"}') === 1,
  );
  for (const { headerNames } of github.books.requests) {
    expect(headerNames).toContain("authorization");
    expect(headerNames).not.toContain("traceparent");
  }
  const second = caller();
  await fetch(`${server.url}/metadata?max_age=0s&keys=git_*`, { headers: second.headers });
  const spans = await spansOf(server, collector);

  const [firstRequest, secondRequest] = [first, second].map(({ traceId, spanId }) => {
    const request = only(spans.filter((span) => span.traceId === traceId && span.kind === "server"));
    expect(request).toMatchObject({ name: "GET /metadata", parentSpanId: spanId, hasRemoteParent: true });
    expect(request.attributes).toEqual({
      "http.request.method": "GET",
      "http.route": "/metadata",
      "http.response.status_code": 200,
      "url.path": "/metadata",
      "url.scheme": "http",
      "network.protocol.name": "http",
      "network.protocol.version": "1.1",
    });
    return request;
  }) as [ReceivedSpan, ReceivedSpan];

  const refresh = only(childrenOf(spans, firstRequest).filter(({ name }) => name === "collect github"));
  expect(refresh).toMatchObject({ kind: "internal", isError: false });
  expect(refresh.attributes).toEqual({
    "fleet_metadata.source": "github",
    "fleet_metadata.source.state": "fresh",
  });
  const asked = childrenOf(spans, refresh).filter(({ kind }) => kind === "client");
  expect(asked).toHaveLength(github.books.requests.length);
  expect(asked.map(({ name }) => name)).toContain("GET /repos/{owner}/{repo}/pulls");
  const { port } = new URL(github.apiUrl);
  expect(asked[0]?.attributes).toEqual({
    "http.request.method": "GET",
    "url.template": asked[0]?.name.replace("GET ", ""),
    "server.address": "127.0.0.1",
    "server.port": Number(port),
    "http.response.status_code": 200,
  });

  const collection = only(childrenOf(spans, secondRequest));
  expect(collection).toMatchObject({ name: "collect git", kind: "internal", isError: false });
  expect(collection.attributes).toEqual({
    "fleet_metadata.source": "git",
    "fleet_metadata.source.state": "fresh",
  });
  const processes = childrenOf(spans, collection);
  expect(processes.map(({ name }) => name)).toContain("git status");
  for (const span of processes) {
    expect(span.kind).toBe("client");
    expect(span.attributes).toEqual({
      "process.executable.name": "git",
      "fleet_metadata.git.command": span.name.replace("git ", ""),
      "fleet_metadata.git.outcome": "answered",
    });
    expect(span.startNs >= collection.startNs && span.endNs <= collection.endNs).toBe(true);
  }
  expect(collection.startNs >= secondRequest.startNs && collection.endNs <= secondRequest.endNs).toBe(true);

  // What was collected at the start, nobody had asked for.
  const atStart = spans.filter(
    ({ name, parentSpanId }) => /^collect/.test(name) && parentSpanId === undefined,
  );
  expect(atStart.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["collect git", "collect task", "collect workspace"]),
  );
  const git = only(atStart.filter(({ name }) => name === "collect git"));
  expect(childrenOf(spans, git).length).toBeGreaterThan(0);
  expect(spans[0]?.resource).toMatchObject({
    "service.name": "tested",
    "service.version": expect.any(String),
    "service.instance.id": expect.any(String),
    "host.name": expect.any(String),
    "telemetry.sdk.name": "opentelemetry",
  });
  const text = JSON.stringify(collector.batches, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  expect(text).not.toMatch(/s3cr3t|octo|nobodys/);
  expect(text).not.toContain(repository.root);
});

describe("requests that share a collection", () => {
  test("the first one calls for it, and the others are linked to it; for those that need a newer one, it is the next one", async () => {
    const collector = await startSpanCollector();
    const task = new ControlledCollector("task", data({}));
    const server = await startServer({ collectors: [task.scheduled()], spanCollector: collector });
    await fetch(`${server.url}/metadata`);
    const callers = [caller(), caller(), caller(), caller()] as const;
    const reads: Promise<Response>[] = [];
    const read = async (index: number): Promise<void> => {
      reads.push(fetch(`${server.url}/metadata`, { headers: callers[index]?.headers ?? {} }));
      await scrapeUntil(
        server.url,
        (now) => now.get('fleet_metadata_http_requests_in_flight{route="/metadata"}') === reads.length,
      );
    };
    task.set("hang");
    await read(0);
    await read(1);
    // Another event: what runs is not current for those who come now.
    task.set("hang");
    await read(2);
    await read(3);
    task.set(data({}));
    await Promise.all(reads);
    const spans = await spansOf(server, collector);

    const requests = callers.map(({ traceId }) =>
      only(spans.filter((span) => span.traceId === traceId && span.kind === "server")),
    ) as [ReceivedSpan, ReceivedSpan, ReceivedSpan, ReceivedSpan];
    for (const [calling, sharing] of [
      [requests[0], requests[1]],
      [requests[2], requests[3]],
    ] as const) {
      const collection = only(childrenOf(spans, calling));
      expect(collection.name).toBe("collect task");
      expect(calling.links).toEqual([]);
      expect(childrenOf(spans, sharing)).toEqual([]);
      expect(sharing.links).toEqual([{ traceId: collection.traceId, spanId: collection.spanId }]);
    }
  });

  test("a collection that fails is an error with its reason, and without its text", async () => {
    const collector = await startSpanCollector();
    const task = new ControlledCollector("task", new Error("a secret of the implementation"));
    const server = await startServer({ collectors: [task.scheduled()], spanCollector: collector });
    const { headers, traceId } = caller();
    await fetch(`${server.url}/metadata`);
    await fetch(`${server.url}/metadata`, { headers });
    server.defects.length = 0;
    const spans = await spansOf(server, collector);
    server.defects.length = 0;
    const collection = only(spans.filter((span) => span.traceId === traceId && span.name === "collect task"));
    expect(collection).toMatchObject({ isError: true, statusMessage: "" });
    expect(collection.attributes).toMatchObject({
      "error.type": "INTERNAL",
      "fleet_metadata.source.state": "failed",
    });
  });
});

describe("RPCs", () => {
  test.each([
    ["gRPC, HTTP/2", "grpc", "grpc", "OK", "2"],
    ["gRPC-web, HTTP/1.1", "grpc", "grpc-web", "OK", "1.1"],
    ["Connect, HTTP/1.1", "connectrpc", "connect", "ok", "1.1"],
  ] as const)("%s: named by method, with system and code", async (name, system, protocol, code, version) => {
    const collector = await startSpanCollector();
    const task = new ControlledCollector("task", data({}));
    const server = await startServer({ collectors: [task.scheduled()], spanCollector: collector });
    const client = createTestClient(name, server.url);
    const { headers, traceId, spanId } = caller();
    await client.getMetadata({});
    task.set(data({}));
    await client.getMetadata({}, { headers });
    const spans = await spansOf(server, collector);
    const method = "fleet.metadata.v1.MetadataService/GetMetadata";
    const span = only(spans.filter((one) => one.traceId === traceId && one.kind === "server"));
    expect(span).toMatchObject({ name: method, parentSpanId: spanId, isError: false });
    expect(span.attributes).toEqual({
      "rpc.system.name": system,
      "rpc.method": method,
      "rpc.response.status_code": code,
      "fleet_metadata.rpc.protocol": protocol,
      "http.request.method": "POST",
      "url.path": `/${method}`,
      "url.scheme": "http",
      "network.protocol.name": "http",
      "network.protocol.version": version,
    });
    expect(childrenOf(spans, span).map((child) => child.name)).toEqual(["collect task"]);
  });

  test("a stream's span ends with the stream, and so does one of events", async () => {
    const collector = await startSpanCollector();
    const task = new ControlledCollector("task", data({}));
    const server = await startServer({ collectors: [task.scheduled()], spanCollector: collector });
    const [watch, events] = [caller(), caller()];
    const ended = new AbortController();
    const { signal } = ended;
    const stream = createTestClient("gRPC, HTTP/2", server.url).watchMetadata(
      {},
      { headers: watch.headers, signal },
    );
    const states = stream[Symbol.asyncIterator]();
    await states.next();
    const response = await fetch(`${server.url}/metadata/events`, { headers: events.headers, signal });
    await response.body?.getReader().read();
    // A collection that a stream is told of belongs to none that watches.
    task.set(data({ workspace: { task: { description: "another" } } }));
    await states.next();
    const beforeNs = BigInt(Date.now()) * 1_000_000n;
    ended.abort();
    await states.next().catch(() => undefined);
    await until(() => server.subscribers() === 0, "the end of both");
    const spans = await spansOf(server, collector);
    const [ofWatch, ofEvents] = [watch, events].map(({ traceId }) =>
      only(spans.filter((span) => span.traceId === traceId)),
    );
    expect(ofWatch?.attributes).toMatchObject({
      "rpc.response.status_code": "CANCELLED",
      "error.type": "canceled",
    });
    expect(ofWatch?.isError).toBe(false);
    expect(ofEvents).toMatchObject({ name: "GET /metadata/events", isError: false });
    for (const span of [ofWatch, ofEvents]) {
      // Clocks of a span and of this test may differ by a millisecond.
      expect((span?.endNs ?? 0n) + 2_000_000n >= beforeNs).toBe(true);
    }
  });
});

describe("what a client makes up", () => {
  test("of a refused request there is a span with its status, and nothing that it has said", async () => {
    const collector = await startSpanCollector();
    const server = await startServer({ flags: { token: "t0ken" }, spanCollector: collector });
    const evil = "e1".repeat(500);
    const { headers, traceId } = caller();
    await fetch(`${server.url}/metadata/${evil}?token=${evil}`, {
      headers: { ...headers, tracestate: "e1=e1" },
    });
    await fetch(`${server.url}/${evil}`, {
      method: "DELETE",
      headers: { ...headers, authorization: `Bearer ${evil}`, "user-agent": evil },
    });
    await fetch(`${server.url}/evil.v1.e1e1/E1e1`, { method: "POST", headers });
    const spans = await spansOf(server, collector);
    expect(spans.map(({ name }) => name).sort()).toEqual(["GET /metadata/{key}", "HTTP", "connectrpc"]);
    expect(spans.map(({ attributes }) => attributes["http.response.status_code"])).toEqual(
      expect.arrayContaining([401, 401]),
    );
    expect(spans.find(({ name }) => name === "connectrpc")?.attributes).toMatchObject({
      "rpc.method": "_OTHER",
      "rpc.response.status_code": "unauthenticated",
    });
    for (const span of spans) {
      // Whoever may not ask may not write into the traces of others.
      expect(span).toMatchObject({ parentSpanId: undefined, traceState: "" });
      expect(span.traceId).not.toBe(traceId);
      expect(JSON.stringify(span.attributes)).not.toMatch(/e1e1/i);
    }
  });

  test("a key and a path that are asked for are in no span, nor is the query", async () => {
    const collector = await startSpanCollector();
    const server = await startServer({ spanCollector: collector });
    await fetch(`${server.url}/metadata/git_s3cret?token=s3cret`);
    await fetch(`${server.url}/s3cret`);
    const spans = await spansOf(server, collector);
    expect(spans.map(({ name }) => name).sort()).toEqual(["GET", "GET /metadata/{key}"]);
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain("s3cret");
  });

  test("a trace that its caller does not record is not recorded here either, and costs no other", async () => {
    const collector = await startSpanCollector();
    const task = new ControlledCollector("task", data({}));
    const server = await startServer({ collectors: [task.scheduled()], spanCollector: collector });
    await fetch(`${server.url}/metadata`);
    task.set(data({}));
    const { headers, traceId } = caller("00");
    await fetch(`${server.url}/metadata`, { headers });
    const spans = await spansOf(server, collector);
    expect(task.calls).toBe(2);
    expect(spans.filter(({ kind }) => kind === "server")).toHaveLength(1);
    expect(spans.filter((span) => span.traceId === traceId)).toEqual([]);
    expect(spans.filter(({ name }) => name === "collect task")).toHaveLength(1);
  });

  test("a git of a collection that is not recorded is not recorded by itself", async () => {
    const collector = await startSpanCollector();
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" }, "first");
    const server = await startServer({
      collectors: "real",
      flags: { workspace: repository.root, taskFile: repository.path("no-task.json") },
      env: { PATH: process.env["PATH"], HOME: repository.home },
      spanCollector: collector,
    });
    await fetch(`${server.url}/metadata`);
    const series = () => fetch(`${server.url}/metrics`).then((response) => response.text());
    const processes = (text: string): number =>
      parseSeries(text).get("fleet_metadata_git_process_duration_seconds_count") ?? 0;
    const before = processes(await series());
    await fetch(`${server.url}/metadata?max_age=0s`, { headers: caller("00").headers });
    expect(processes(await series())).toBeGreaterThan(before);
    const spans = await spansOf(server, collector);
    expect(spans.filter(({ name }) => name.startsWith("git "))).toHaveLength(before);
  });
});

test("over TLS, a request says so in both versions of HTTP", async () => {
  const collector = await startSpanCollector();
  const { certFile, keyFile, cert: ca } = await createCertificate();
  const server = await startServer({
    flags: { tlsCert: certFile, tlsKey: keyFile },
    spanCollector: collector,
  });
  const agent = new Agent({ ca });
  await once(
    get(`${server.url}/health`, { agent }).on("response", (response) => response.resume()),
    "close",
  );
  agent.destroy();
  const session = await openSession(server.url, { ca });
  await http2Request(session, { ":path": "/health" });
  session.close();
  const spans = await spansOf(server, collector);
  expect(
    spans.map(({ attributes }) => [attributes["url.scheme"], attributes["network.protocol.version"]]),
  ).toEqual([
    ["https", "1.1"],
    ["https", "2"],
  ]);
});
