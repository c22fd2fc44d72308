// What a collector may do to a server: nothing but lose its spans.

import { setTimeout as delay } from "node:timers/promises";
import { ExportResultCode } from "@opentelemetry/core";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLog } from "../../../src/observability/log.ts";
import { createExporter } from "../../../src/observability/tracing/exporter.ts";
import { startSpanCollector } from "../../helpers/span-collector.ts";
import { until, within } from "../../helpers/wait.ts";

interface Line {
  readonly level: number;
  readonly msg: string;
}

/** Spans that have ended. */
function spans(count: number): ReadableSpan[] {
  const exporter = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer(
    "test",
  );
  for (let index = 0; index < count; index += 1) {
    tracer.startSpan(`span ${index}`).end();
  }
  return exporter.getFinishedSpans();
}

async function exporterTo(url: string, timeoutMs = 10_000) {
  const lines: Line[] = [];
  const log = await createLog({
    level: "info",
    format: "json",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const exporter = createExporter({
    url,
    headers: { "x-tenant": "7", "content-type": "text/plain" },
    timeoutMs,
    attributes: {},
    sampler: "always_on",
    ratio: 1,
    serverVersion: "1.2.3",
    log,
  });
  onTestFinished(() => exporter.abort());
  return {
    exporter,
    lines,
    send: (batch: ReadableSpan[]): Promise<boolean> =>
      within(
        20_000,
        "the end of a batch",
        new Promise((resolve) =>
          exporter.export(batch, ({ code }) => resolve(code === ExportResultCode.SUCCESS)),
        ),
      ),
  };
}

test("spans arrive as protobuf over HTTP, with the headers that were asked for, and nothing is said", async () => {
  const collector = await startSpanCollector();
  const { send, lines } = await exporterTo(`${collector.url}/v1/traces`);
  expect(await send(spans(3))).toBe(true);
  expect(collector.spans.map(({ name }) => name)).toEqual(["span 0", "span 1", "span 2"]);
  expect(collector.batches[0]).toMatchObject({
    path: "/v1/traces",
    headers: {
      "content-type": "application/x-protobuf",
      "user-agent": "fleet-metadata/1.2.3",
      "x-tenant": "7",
    },
  });
  expect(lines).toEqual([]);
  await until(() => collector.connections() === 0, "the end of the connection");
});

describe("a collector that fails", () => {
  test("is warned of once, and it is said once that it works again", async () => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(`${collector.url}/v1/traces`);
    collector.answer((response) => response.writeHead(400).end("no"));
    expect(await send(spans(2))).toBe(false);
    expect(await send(spans(3))).toBe(false);
    collector.answer((response) => response.writeHead(200).end());
    expect(await send(spans(1))).toBe(true);
    expect(await send(spans(1))).toBe(true);
    expect(lines).toMatchObject([
      { level: 40, collector: `${collector.url}/v1/traces`, message: "answered with status 400" },
      { level: 30, lostSpans: 5 },
    ]);
  });

  test("and asks to be asked again gets the same batch once more", async () => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(collector.url);
    let answers = 0;
    collector.answer((response) => {
      answers += 1;
      response.writeHead(answers === 1 ? 503 : 200, { "retry-after": "0.01" }).end();
    });
    expect(await send(spans(1))).toBe(true);
    expect(collector.spans.map(({ name }) => name)).toEqual(["span 0", "span 0"]);
    expect(lines).toEqual([]);
  });

  test.each<[string, string, Parameters<Awaited<ReturnType<typeof startSpanCollector>>["answer"]>[0]]>([
    [
      "a web page",
      "answered with a web page and not as a collector does",
      (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Sign in</h1>"),
    ],
    [
      "a redirect, which is not followed",
      "answered with status 302",
      (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
    ],
    [
      "that it has rejected some",
      "has rejected 3 spans",
      // ExportTraceServiceResponse{partial_success{rejected_spans: 3, error_message: "no"}}
      (response) => response.writeHead(200).end(Buffer.from([0x0a, 6, 0x08, 3, 0x12, 2, 0x6e, 0x6f])),
    ],
  ])("by answering %s: the batch is lost", async (_, said, answer) => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(collector.url);
    collector.answer(answer);
    expect(await send(spans(1))).toBe(false);
    expect(lines).toMatchObject([{ level: 40, message: said }]);
    expect(collector.batches).toHaveLength(1);
  });

  test.each<[string, Buffer]>([
    ["nonsense", Buffer.from("nonsense, and not a message")],
    ["an endless message", Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ["a megabyte", Buffer.alloc(1024 * 1024, 0x0a)],
  ])("a success that comes with %s is a success", async (_, body) => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(collector.url);
    collector.answer((response) => response.writeHead(200).end(body));
    expect(await send(spans(1))).toBe(true);
    expect(lines).toEqual([]);
  });
});

describe("what a batch may take is bounded", () => {
  const never = "has not answered in time";

  test("when there is no answer", async () => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(collector.url, 100);
    collector.answer(() => undefined);
    expect(await send(spans(1))).toBe(false);
    expect(lines).toMatchObject([{ message: never }]);
    await until(() => collector.connections() === 0, "the end of the connection");
  });

  test("when the answer comes byte by byte", async () => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(collector.url, 200);
    collector.answer((response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(timer));
    });
    expect(await send(spans(1))).toBe(false);
    expect(lines).toMatchObject([{ message: never }]);
  });

  test("when nobody is there, and it is tried again until then", async () => {
    const { send, lines } = await exporterTo("http://127.0.0.1:1", 200);
    expect(await send(spans(1))).toBe(false);
    expect(lines).toMatchObject([{ message: "cannot be reached (ECONNREFUSED)" }]);
  });

  test("when it is to be asked again in a day", async () => {
    const collector = await startSpanCollector();
    const { send, lines } = await exporterTo(collector.url, 200);
    collector.answer((response) => response.writeHead(429, { "retry-after": "86400" }).end());
    expect(await send(spans(1))).toBe(false);
    expect(lines).toMatchObject([{ message: "answered with status 429" }]);
  });

  test("when it is given up", async () => {
    const collector = await startSpanCollector();
    const { exporter, send } = await exporterTo(collector.url);
    collector.answer(() => undefined);
    const sent = send(spans(1));
    await until(() => collector.batches.length === 1, "the batch");
    exporter.abort();
    expect(await sent).toBe(false);
    await exporter.shutdown();
    await until(() => collector.connections() === 0, "the end of the connection");
    // Nothing comes later either.
    expect(await send(spans(1))).toBe(false);
    await delay(20);
    expect(collector.batches).toHaveLength(1);
  });
});
