// Sends spans to a collector, as OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp). The exporter of
// OpenTelemetry's own would keep a process that is to end alive until it has tried for the last time, and has no deadline for a
// collector that answers a byte now and then.

import { ExportResultCode } from "@opentelemetry/core";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { createCollectorLog } from "./collector-log.ts";
import { post } from "./post.ts";
import type { TracingOptions } from "./tracing.ts";

/** Sends batches. */
export interface AbortableExporter extends SpanExporter {
  /** Gives up what is on its way, and all that comes later. {@link shutdown} waits for it instead. */
  abort(): void;
}

/** How long after a failure the same batch is sent again at first; then twice as long each time. In milliseconds. */
const RETRY_DELAY_MS = 1_000;

/** Makes what sends. A batch that could not be sent within the deadline is lost. */
export function createExporter({
  url,
  headers,
  timeoutMs,
  serverVersion,
  log,
}: TracingOptions): AbortableExporter {
  const ended = new AbortController();
  const note = createCollectorLog(log, url);
  const allHeaders = {
    ...headers,
    "content-type": "application/x-protobuf",
    "user-agent": `fleet-metadata/${serverVersion}`,
  };

  const pending = new Set<Promise<void>>();

  /** @returns why they were not taken; undefined when they were. */
  const send = async (spans: ReadableSpan[]): Promise<string | undefined> => {
    const body = ProtobufTraceSerializer.serializeRequest(spans);
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(timeoutMs)]);
    let failure = "has not answered in time";
    let delayMs = RETRY_DELAY_MS;
    while (body !== undefined && !signal.aborted) {
      const posted = await post(url, allHeaders, body, signal);
      if (signal.aborted) {
        // What it has cut off says less than the answer before it.
        break;
      }
      if (posted.failure === undefined || !posted.isPassing) {
        return posted.failure;
      }
      failure = posted.failure;
      await pause(posted.retryAfterMs ?? delayMs, signal);
      delayMs *= 2;
    }
    return failure;
  };

  return {
    export: (spans, done) => {
      const sent = send(spans)
        .catch(() => "could not be written to")
        .then((failure) => {
          pending.delete(sent);
          note(failure, spans.length);
          // Why is in the log: what the SDK would make of an error goes nowhere.
          done({ code: failure === undefined ? ExportResultCode.SUCCESS : ExportResultCode.FAILED });
        });
      pending.add(sent);
    },
    abort: () => ended.abort(),
    shutdown: async () => void (await Promise.all(pending)),
  };
}

/** Resolves after a time, or when aborted. Does not keep the process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms).unref();
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) {
      finish();
    }
  });
}
