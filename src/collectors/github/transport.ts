// One GET over HTTP, read to its end within bounds. On node:http and node:https: `fetch` costs 6 to 12 MB of resident memory from
// its first use on. node:https costs as much, so it is loaded when it is first needed.

import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** A whole answer. */
export interface Reply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Partial<Record<string, string>>>;
  readonly body: string;
}

/**
 * Sends one GET and follows nothing.
 *
 * @throws {TooLargeError} when the body exceeds its bound; the reason of `signal` when that is aborted; Node's own error when the
 * network fails or the answer ends before it is whole.
 */
export type Transport = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<Reply>;

type Send = (...parameters: Parameters<Transport>) => ClientRequest;

/** The body is longer than what is read of any. */
export class TooLargeError extends Error {
  override readonly name = "TooLargeError";

  constructor(maxBytes: number) {
    super(`longer than ${maxBytes} bytes`);
  }
}

/** A hundred pull requests, the longest page, take about 2.5 MB. In bytes, unpacked. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** A connection that nobody uses is kept for the next question of the same round, not for the next round. */
const IDLE_CONNECTION_MS = 5_000;

/** The variables that name the proxy for https, and whom it is not for. One in lower case goes before the same in upper case. */
export const PROXY_VARIABLES = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] as const;

/** Values of {@link PROXY_VARIABLES}. */
export type ProxySettings = Readonly<Partial<Record<(typeof PROXY_VARIABLES)[number], string>>>;

/**
 * Connections do not keep the process alive, and close by themselves when nobody uses them.
 *
 * @param options.proxy - For https alone, where it sees nothing but the name of the server. Node 22 heeds it from 22.21 on.
 */
export function createTransport({
  maxBodyBytes = MAX_BODY_BYTES,
  proxy = {},
}: {
  readonly maxBodyBytes?: number;
  readonly proxy?: ProxySettings;
} = {}): Transport {
  const options = { keepAlive: true, timeout: IDLE_CONNECTION_MS };
  const agent = new Agent(options);
  const sendPlain: Send = (url, headers, signal) => request(url, { agent, headers, signal });
  let secureAgent: HttpsAgent | undefined;
  const sendSecure: Send = (url, headers, signal) => {
    // An import would load it at the start.
    const https = process.getBuiltinModule("node:https");
    secureAgent ??= new https.Agent({ ...options, proxyEnv: proxy });
    return https.request(url, { agent: secureAgent, headers, signal });
  };

  const begin = (...[url, headers, signal]: Parameters<Transport>): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const send = url.protocol === "https:" ? sendSecure : sendPlain;
      send(url, headers, signal).on("response", resolve).on("error", reject).end();
    });

  return async (url, headers, signal) => {
    try {
      signal.throwIfAborted();
      const response = await begin(url, { ...headers, "accept-encoding": "gzip" }, signal);
      const body = await readBody(response, maxBodyBytes);
      return { status: response.statusCode ?? 0, headers: flat(response.headers), body };
    } catch (error) {
      // Node says of every abort the same; the reason says whose it was.
      throw signal.aborted ? signal.reason : error;
    }
  };
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const isPacked = response.headers["content-encoding"] === "gzip";
  const stream: Readable = isPacked ? response.pipe(createGunzip()) : response;
  // A pipe does not hand on the error of an answer that was cut off.
  response.on("error", (error) => stream.destroy(error));
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) {
        throw new TooLargeError(maxBytes);
      }
      chunks.push(chunk);
    }
  } finally {
    // Only an answer that was read to its end leaves a connection that can be used again.
    if (!response.complete || length > maxBytes) {
      response.destroy();
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}

function flat(headers: IncomingMessage["headers"]): Reply["headers"] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}
