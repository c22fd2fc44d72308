// Spans, made by OpenTelemetry's SDK. The only folder that knows of it, loaded when there are traces. Nothing is registered
// globally: what an SDK in the same process would do for others is no business of this server.

import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { callerContext } from "./caller.ts";
import { createExporter } from "./exporter.ts";
import { requestEnd, requestName, requestStart } from "./request-attributes.ts";
import { createSampler } from "./sampler.ts";
import type { CollectionSpan, RequestSpan, Tracing, TracingOptions } from "./tracing.ts";

/** Spans that wait while a collector is slow: about 2 MB. What exceeds them is lost. */
const MAX_WAITING_SPANS = 2_048;

/** Spans that are sent at once. A quarter of what may wait, so that there is room while a batch is on its way. */
const MAX_BATCH_SPANS = 512;

/** How long a span waits for others that are sent with it, in milliseconds. Nothing runs while there is none. */
const BATCH_DELAY_MS = 5_000;

/** How long a stop waits for what is left to be sent, in milliseconds: a fifth of the 5 s that it may take. */
const FLUSH_DEADLINE_MS = 1_000;

/** No text of ours is longer; those of others are cut. In characters. */
const MAX_ATTRIBUTE_CHARACTERS = 256;

/** What a span begins with. */
interface Begin {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parent: Context;
  readonly attributes: Attributes;
}

/** See {@link Tracing}. */
export function createTracing(options: TracingOptions): Tracing {
  const { serverVersion, attributes, sampler, ratio } = options;
  const exporter = createExporter(options);
  const resource = defaultResource().merge(
    resourceFromAttributes({
      "service.version": serverVersion,
      "service.instance.id": randomUUID(),
      "host.name": hostname(),
      ...attributes,
    }),
  );
  const provider = new TracerProvider({
    resource,
    sampler: createSampler(sampler, ratio),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_CHARACTERS },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: MAX_WAITING_SPANS,
        maxExportBatchSize: MAX_BATCH_SPANS,
        scheduledDelayMillis: BATCH_DELAY_MS,
        // Longer than any batch may take: the exporter has a deadline of its own.
        exportTimeoutMillis: options.timeoutMs + FLUSH_DEADLINE_MS,
      }),
    ],
  });
  const tracer = provider.getTracer("fleet-metadata", serverVersion);
  const begin = ({ name, kind, parent, attributes: given }: Begin): Span =>
    tracer.startSpan(name, { kind, attributes: given }, parent);

  /** The collection that is being run, for what it starts. */
  const running = new AsyncLocalStorage<Collecting>();
  const parentHere = (): Context => {
    const collecting = running.getStore();
    // What a collection has left behind, such as a watch, is not part of it any more.
    return collecting?.isOpen ? collecting.context : ROOT_CONTEXT;
  };

  return {
    requested: (request) => {
      const span = begin({
        name: requestName(request),
        kind: SpanKind.SERVER,
        parent: callerContext(request.caller),
        attributes: requestStart(request),
      });
      return new Requested(span, (code) => requestEnd(span, request, code));
    },
    collecting: (source, cause) => {
      const span = begin({
        name: `collect ${source}`,
        kind: SpanKind.INTERNAL,
        parent: cause instanceof Requested ? cause.context : ROOT_CONTEXT,
        attributes: { "fleet_metadata.source": source },
      });
      return new Collecting(span, running);
    },
    gitStarted: (command) => {
      const span = begin({
        name: `git ${command}`,
        kind: SpanKind.CLIENT,
        parent: parentHere(),
        attributes: { "process.executable.name": "git", "fleet_metadata.git.command": command },
      });
      return (outcome) => {
        span.setAttribute("fleet_metadata.git.outcome", outcome);
        if (outcome !== "answered") {
          fail(span, outcome);
        }
        span.end();
      };
    },
    githubAsked: ({ route, url }) => {
      const [method = "", template = ""] = route.split(" ");
      const { hostname: address, port, protocol } = new URL(url);
      const defaultPort = protocol === "https:" ? 443 : 80;
      const span = begin({
        name: route,
        kind: SpanKind.CLIENT,
        parent: parentHere(),
        attributes: {
          "http.request.method": method,
          "url.template": template,
          "server.address": address,
          "server.port": port === "" ? defaultPort : Number(port),
        },
      });
      return ({ status, failure }) => {
        if (status !== undefined) {
          span.setAttribute("http.response.status_code", status);
        }
        if (failure !== undefined || (status ?? 0) >= 400) {
          fail(span, failure ?? String(status));
        }
        span.end();
      };
    },
    close: async () => {
      const over = setTimeout(exporter.abort, FLUSH_DEADLINE_MS);
      // A batch that is lost is in the log.
      await provider.shutdown().catch(() => undefined);
      await exporter.shutdown();
      clearTimeout(over);
      exporter.abort();
    },
  };
}

/** A request, and what collections are told of it. */
class Requested implements RequestSpan {
  readonly span: Span;
  readonly context: Context;
  readonly #end: (code: string) => void;

  constructor(span: Span, end: (code: string) => void) {
    this.span = span;
    this.context = trace.setSpan(ROOT_CONTEXT, span);
    this.#end = end;
  }

  end(code: string): void {
    this.#end(code);
    this.span.end();
  }
}

class Collecting implements CollectionSpan {
  readonly span: Span;
  readonly context: Context;
  isOpen = true;
  readonly #running: AsyncLocalStorage<Collecting>;

  constructor(span: Span, running: AsyncLocalStorage<Collecting>) {
    this.span = span;
    this.context = trace.setSpan(ROOT_CONTEXT, span);
    this.#running = running;
  }

  run<T>(work: () => T): T {
    return this.#running.run(this, work);
  }

  share(cause: object): void {
    if (cause instanceof Requested && cause.span.isRecording()) {
      // From the request to the collection: whoever looks at a slow request is to find what it waited for.
      cause.span.addLink({ context: this.span.spanContext() });
    }
  }

  end(state: string, failure?: string): void {
    this.isOpen = false;
    this.span.setAttribute("fleet_metadata.source.state", state);
    if (failure !== undefined) {
      fail(this.span, failure);
    }
    this.span.end();
  }
}

/** @param type a word of which there are few. Never a message: it may hold a path or what a client has sent. */
function fail(span: Span, type: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
