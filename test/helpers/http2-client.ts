// HTTP/2 with prior knowledge, by Node's own client.

import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { onTestFinished } from "vitest";
import { within } from "./wait.ts";

export interface Http2Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A session that is ended with the test. @param options for TLS. */
export async function openSession(
  url: string,
  options: SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, options);
  session.on("error", () => undefined);
  onTestFinished(() => session.destroy());
  await once(session, "remoteSettings");
  return session;
}

/** Sends a request with a body, or none, and reads the whole answer. Rejects when the stream is reset. */
export async function http2Request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Http2Response> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) {
    stream.end(body);
  }
  return await within(20_000, "the whole answer", readResponse(stream));
}

/** Reads the whole answer. Rejects when the stream is reset. */
export async function readResponse(stream: ClientHttp2Stream): Promise<Http2Response> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "close");
  if (stream.rstCode !== 0) {
    throw new Error(`the stream was reset with code ${stream.rstCode}`);
  }
  return { status: Number(headers[":status"]), headers, trailers, body: Buffer.concat(chunks) };
}
