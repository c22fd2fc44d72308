// One POST over HTTP, with its answer read within bounds. A connection of its own each time: there is one batch in 5 s at most,
// and a connection that is kept would have to be watched at rest. node:https is loaded when it is first needed: it costs megabytes.

import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";

/** How a batch fared. */
export interface Posted {
  /** Why it was not taken, as it goes on after the collector's address. Absent: it was. */
  readonly failure?: string;
  /** Whether it may be taken the next time. */
  readonly isPassing?: boolean;
  /** When the collector wants to be asked again, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** Longest answer that is read. One that says which spans were rejected and why takes a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** These ask to try again: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends a batch once. Never rejects. */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Posted> {
  try {
    const response = await begin(url, headers, body, signal);
    return judge(response, await readBody(response));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { failure: `cannot be reached (${code ?? message})`, isPassing: true };
  }
}

function begin(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: { ...headers }, agent: false, signal } as const;
    send(url, options).on("response", resolve).on("error", reject).end(body);
  });
}

function send(url: string, options: RequestOptions): ClientRequest {
  // An import would load it at the start.
  return url.startsWith("https:")
    ? process.getBuiltinModule("node:https").request(url, options)
    : request(url, options);
}

/** @throws what the connection fails with. Of a longer answer, what was read of it. */
async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) {
      // Leaving the loop closes the connection.
      break;
    }
  }
  return Buffer.concat(chunks);
}

function judge({ statusCode: status = 0, headers }: IncomingMessage, body: Buffer): Posted {
  if (status < 200 || status > 299) {
    const seconds = Number(headers["retry-after"] ?? Number.NaN);
    return {
      failure: `answered with status ${status}`,
      isPassing: RETRYABLE.has(status),
      ...(seconds > 0 && { retryAfterMs: seconds * 1_000 }),
    };
  }
  // The page of a proxy.
  if (headers["content-type"]?.startsWith("text/html")) {
    return { failure: "answered with a web page and not as a collector does" };
  }
  const rejected = rejectedSpans(body);
  return rejected > 0 ? { failure: `has rejected ${rejected} spans` } : {};
}

/** 0 when the answer does not say: whatever it is, it is a success. */
function rejectedSpans(body: Buffer): number {
  try {
    return Number(ProtobufTraceSerializer.deserializeResponse(body).partialSuccess?.rejectedSpans ?? 0);
  } catch {
    return 0;
  }
}
