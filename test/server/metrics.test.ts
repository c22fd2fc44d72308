// GET /metrics of a whole server: what it counts, what it never names, and what Prometheus' own tool thinks of it.

import { describe, expect, test } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { METRICS } from "../../src/observability/metric-table.ts";
import { createTestClient, type TransportName } from "../helpers/clients.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { HAS_PROMTOOL, parseSeries, promtool, scrape, scrapeUntil, sumOf } from "../helpers/prometheus.ts";
import { rawRequest } from "../helpers/raw-http.ts";
import { startServer, TEST_VERSION } from "../helpers/server.ts";

const BRANCH = "a-branch-that-nobody-may-see";
const SERVICE = "fleet.metadata.v1.MetadataService";

function gitSource() {
  return new ControlledCollector("git", data({ git: { branch: BRANCH } }));
}

describe("the answer", () => {
  test("is in Prometheus' text format, not to be kept, and has HEAD, OPTIONS and 405 as other routes", async () => {
    const { url } = await startServer();
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("vary")).toBe("Accept, Accept-Encoding");
    expect(await response.text()).toMatch(/^# HELP fleet_metadata_build_info .*\n# TYPE .* gauge\n/);
    const head = await fetch(`${url}/metrics`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(`${url}/metrics`, { method: "OPTIONS" })).status).toBe(204);
    const post = await fetch(`${url}/metrics`, { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });

  test.each([
    ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true],
    ["application/openmetrics-text; version=1.0.0; charset=utf-8", true],
    ["application/openmetrics-text;version=0.0.1", false],
    ["application/openmetrics-text;q=0.2,text/plain;q=0.7", false],
    ["text/plain", false],
    ["*/*", false],
    ["application/openmetrics-text;q=x, ;;q", false],
  ])("Accept: %s is OpenMetrics: %s", async (accept, isOpenMetrics) => {
    const { url } = await startServer();
    const response = await fetch(`${url}/metrics`, { headers: { accept } });
    const type = response.headers.get("content-type") ?? "";
    expect(type.startsWith("application/openmetrics-text; version=1.0.0")).toBe(isOpenMetrics);
    const text = await response.text();
    expect(text.endsWith("# EOF\n")).toBe(isOpenMetrics);
    expect(text).toMatch(/\S\n$/);
    // A counter's type line has another name there than its series.
    expect(text.includes("# TYPE fleet_metadata_github_points counter")).toBe(isOpenMetrics);
    expect(parseSeries(text).get("fleet_metadata_github_points_total")).toBe(0);
  });

  test("needs the token where there is one", async () => {
    const { url } = await startServer({ flags: { token: "s3cret" } });
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    const series = await scrape(url, { authorization: "Bearer s3cret" });
    expect(sumOf(series, "fleet_metadata_http_requests_total", { route: "/metrics", code: "401" })).toBe(1);
  });
});

test.skipIf(!HAS_PROMTOOL)(
  "promtool finds nothing to say about the answer (needs Debian's package prometheus)",
  async () => {
    const { url } = await startServer({ collectors: [gitSource().scheduled()] });
    await fetch(`${url}/metadata`);
    await createTestClient("gRPC, HTTP/2", url).listKeys({});
    expect(promtool(["check", "metrics"], await (await fetch(`${url}/metrics`)).text())).toBe("");
  },
);

describe("requests", () => {
  test("are counted by route, method, protocol and status, and nothing that a client makes up is a label", async () => {
    const { url, host, port } = await startServer({ collectors: [gitSource().scheduled()] });
    const session = await openSession(url);
    await http2Request(session, { ":path": "/metadata" });
    await fetch(`${url}/metadata`);
    await fetch(`${url}/`);
    await fetch(`${url}/metadata/git_branch`);
    await fetch(`${url}/metadata/made_up_key?token=made-up-secret`);
    await fetch(`${url}/made-up-path`);
    await fetch(`${url}/made.up.Service/Method`, { method: "POST" });
    await rawRequest({ host, port }, "BREW /health HTTP/1.1", ["Host: localhost"]);
    await rawRequest({ host, port }, "REPORT /health HTTP/1.1", ["Host: localhost"]);
    await rawRequest({ host, port }, "GET /metadata HTTP/1.1", ["Host: made-up.example"]);
    const text = await (await fetch(`${url}/metrics`)).text();
    const series = parseSeries(text);
    const count = (labels: Record<string, string>): number =>
      sumOf(series, "fleet_metadata_http_requests_total", labels);
    expect(count({ route: "/metadata", protocol: "http/2", method: "GET", code: "200" })).toBe(1);
    expect(count({ route: "/metadata", protocol: "http/1.1", code: "200" })).toBe(1);
    expect(count({ route: "/metadata", code: "403" })).toBe(1);
    expect(count({ route: "/metadata/{key}", code: "200" })).toBe(1);
    expect(count({ route: "/metadata/{key}", code: "404" })).toBe(1);
    expect(count({ route: "/", code: "200" })).toBe(1);
    expect(count({ route: "unknown", code: "404" })).toBe(1);
    expect(count({ route: "/health", method: "other", code: "405" })).toBe(1);
    expect(
      sumOf(series, "fleet_metadata_rpc_requests_total", { rpc: "unknown", code: "unimplemented" }),
    ).toBe(1);
    expect(series.get('fleet_metadata_http_request_duration_seconds_count{route="/metadata"}')).toBe(3);
    expect(
      series.get('fleet_metadata_http_request_duration_seconds_bucket{le="+Inf",route="/metadata"}'),
    ).toBe(3);
    expect(series.get('fleet_metadata_http_requests_in_flight{route="/metadata"}')).toBe(0);
    expect(series.get('fleet_metadata_http_requests_in_flight{route="/metrics"}')).toBe(1);
    expect(text).not.toMatch(/made|brew|report/i);
    expect(text).not.toContain(BRANCH);
  });

  const PROTOCOLS: readonly (readonly [TransportName, string])[] = [
    ["gRPC, HTTP/2", "grpc"],
    ["gRPC-web, HTTP/1.1", "grpc-web"],
    ["gRPC-web, HTTP/2", "grpc-web"],
    ["Connect, HTTP/1.1", "connect"],
    ["Connect with JSON, HTTP/2", "connect"],
    ["Connect GET, HTTP/1.1", "connect"],
  ];

  test.each(PROTOCOLS)("over %s are counted by Connect's code", async (transport, protocol) => {
    const { url } = await startServer({ collectors: [gitSource().scheduled()] });
    const client = createTestClient(transport, url);
    await client.getMetadata({});
    await expect(client.getMetadata({ maxAge: { seconds: -1n, nanos: 0 } })).rejects.toThrow();
    const refused = async () => {
      for await (const _ of client.watchMetadata({ heartbeatInterval: { seconds: 0n, nanos: 1 } })) {
        // There is none.
      }
    };
    await expect(refused()).rejects.toThrow();
    const series = await scrape(url);
    const count = (rpc: string, code: string): number =>
      sumOf(series, "fleet_metadata_rpc_requests_total", { rpc: `${SERVICE}/${rpc}`, protocol, code });
    expect(count("GetMetadata", "ok")).toBe(1);
    expect(count("GetMetadata", "invalid_argument")).toBe(1);
    expect(count("WatchMetadata", "invalid_argument")).toBe(1);
    expect(sumOf(series, "fleet_metadata_rpc_requests_total")).toBe(3);
    const timed = "fleet_metadata_rpc_request_duration_seconds_count";
    expect(series.get(`${timed}{rpc="${SERVICE}/GetMetadata"}`)).toBe(2);
    expect(series.has(`${timed}{rpc="${SERVICE}/WatchMetadata"}`)).toBe(false);
  });

  test.each<TransportName>(["gRPC, HTTP/2", "gRPC-web, HTTP/1.1", "Connect, HTTP/2"])(
    "a stream over %s is open until it is ended by either side",
    async (transport) => {
      const { url, server } = await startServer({ collectors: [gitSource().scheduled()] });
      const client = createTestClient(transport, url);
      const gone = new AbortController();
      const open = async (signal: AbortSignal) => {
        const states = client.watchMetadata({}, { signal })[Symbol.asyncIterator]();
        await states.next();
        return states;
      };
      const states = await open(gone.signal);
      const rpc = `${SERVICE}/WatchMetadata`;
      const series = await scrape(url);
      expect(series.get(`fleet_metadata_streams_open{stream="${rpc}"}`)).toBe(1);
      expect(series.get(`fleet_metadata_rpc_requests_in_flight{rpc="${rpc}"}`)).toBe(1);
      gone.abort();
      await states.next().catch(() => undefined);
      const after = await scrapeUntil(
        url,
        (later) => later.get(`fleet_metadata_streams_open{stream="${rpc}"}`) === 0,
      );
      expect(sumOf(after, "fleet_metadata_rpc_requests_total", { rpc, code: "canceled" })).toBe(1);
      expect(server.service.snapshot.entries.size).toBeGreaterThan(0);
    },
  );

  test("server-sent events and requests that wait are open streams, and their durations do not count", async () => {
    const { url } = await startServer({ collectors: [gitSource().scheduled()] });
    const etag = (await fetch(`${url}/metadata`)).headers.get("etag") ?? "";
    const gone = new AbortController();
    const { signal } = gone;
    await fetch(`${url}/metadata/events`, { signal });
    const waiting = fetch(`${url}/metadata?wait=1m`, { signal, headers: { "if-none-match": etag } });
    waiting.catch(() => undefined);
    const open = (count: number) =>
      scrapeUntil(url, (series) => sumOf(series, "fleet_metadata_streams_open") === count);
    await open(2);
    gone.abort();
    const series = await open(0);
    expect(series.get('fleet_metadata_http_request_duration_seconds_count{route="/metadata"}')).toBe(1);
    expect(
      sumOf(series, "fleet_metadata_http_requests_total", { route: "/metadata", code: "canceled" }),
    ).toBe(1);
  });
});

describe("sources", () => {
  test("have state, age, success, collections, timeouts and durations", async () => {
    const git = gitSource();
    const task = new ControlledCollector("task", "hang");
    const { url } = await startServer({ collectors: [git.scheduled(), task.scheduled(50)] });
    await fetch(`${url}/metadata`);
    const before = await scrape(url);
    expect(before.get('fleet_metadata_source_state{source="git",state="fresh"}')).toBe(1);
    expect(sumOf(before, "fleet_metadata_source_state", { source: "git" })).toBe(1);
    expect(before.get('fleet_metadata_source_state{source="github",state="disabled"}')).toBe(1);
    expect(before.get('fleet_metadata_source_age_seconds{source="git"}')).toBeGreaterThan(0);
    expect(before.has('fleet_metadata_source_age_seconds{source="task"}')).toBe(false);
    expect(before.get('fleet_metadata_source_last_collection_success{source="git"}')).toBe(1);
    expect(before.get('fleet_metadata_source_last_collection_success{source="task"}')).toBe(0);
    expect(before.get('fleet_metadata_source_timeouts_total{source="task"}')).toBeGreaterThan(0);
    expect(before.get('fleet_metadata_source_timeouts_total{source="git"}')).toBe(0);
    expect(before.get('fleet_metadata_source_events_complete{source="git"}')).toBe(1);
    git.set(new CollectError("BROKEN", "a message that is nobody's label"));
    await fetch(`${url}/metadata?keys=git_branch`);
    const after = await scrape(url);
    expect(after.get('fleet_metadata_source_state{source="git",state="stale"}')).toBe(1);
    expect(after.get('fleet_metadata_source_collections_total{source="git",outcome="success"}')).toBe(1);
    expect(after.get('fleet_metadata_source_collections_total{source="git",outcome="failure"}')).toBe(1);
    expect(after.get('fleet_metadata_source_collection_duration_seconds_count{source="git"}')).toBe(2);
    expect(after.get('fleet_metadata_source_last_collection_success{source="git"}')).toBe(0);
  });
});

test("the process says what it is and what it costs", async () => {
  const { url } = await startServer();
  const series = await scrape(url);
  const node = process.versions.node;
  expect(
    series.get(`fleet_metadata_build_info{version="${TEST_VERSION}",contract="1.0",node="${node}"}`),
  ).toBe(1);
  expect(series.get("process_start_time_seconds")).toBeCloseTo(performance.timeOrigin / 1_000, 0);
  for (const name of [
    "process_resident_memory_bytes",
    "process_heap_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "fleet_metadata_event_loop_lag_seconds",
    "fleet_metadata_event_loop_active_seconds_total",
  ]) {
    expect(series.get(name), name).toBeGreaterThan(0);
  }
});

test("whatever is answered stands in the table, with its labels", async () => {
  const { url } = await startServer({ collectors: [gitSource().scheduled()] });
  await fetch(`${url}/metadata`);
  const table: Readonly<Record<string, { readonly labels: readonly string[] }>> = METRICS;
  for (const key of (await scrape(url)).keys()) {
    const [, name = "", labels = ""] = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})?$/.exec(key) ?? [];
    const named = [...labels.matchAll(/(\w+)="[^"]*"/g)]
      .map(([, label]) => label)
      .filter((label) => label !== "le");
    expect(named, key).toEqual(table[name]?.labels);
  }
});
