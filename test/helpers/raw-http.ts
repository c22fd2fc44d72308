// HTTP/1.1 byte by byte: what no client library would send, and what exactly comes back.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { within } from "./wait.ts";

/** What a client of HTTP/2 sends first (RFC 9113, 3.4). */
export const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export interface RawResponse {
  readonly status: number;
  /** Names in lower case; the values of repeated ones joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A port, or a Unix socket. */
export type Endpoint = Target | { readonly path: string };

/** An open connection, once it is established. */
export async function openSocket(target: Endpoint): Promise<Socket> {
  const socket =
    "path" in target
      ? connect(target.path)
      : connect({ host: target.host, port: target.port, noDelay: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** All that the server sends until it ends the connection. Rejects after `deadlineMs`. */
export async function readToEnd(socket: Socket, deadlineMs = 20_000): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = socket.closed ? Promise.resolve() : once(socket, "close");
  try {
    await within(deadlineMs, "the server ends the connection", Promise.resolve(closed));
  } finally {
    socket.destroy();
  }
  return Buffer.concat(chunks).toString("latin1");
}

/** Sends bytes on a connection of its own and reads until the server ends it. */
export async function sendRaw(
  target: Endpoint,
  bytes: string | Uint8Array,
  deadlineMs?: number,
): Promise<string> {
  const socket = await openSocket(target);
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  return await readToEnd(socket, deadlineMs);
}

/** A request with exactly these header lines, and `Connection: close`. */
export async function rawRequest(
  target: Target,
  requestLine: string,
  headers: readonly string[],
  body = "",
): Promise<RawResponse> {
  const head = [requestLine, ...headers, "Connection: close"].join("\r\n");
  return parseResponse(await sendRaw(target, `${head}\r\n\r\n${body}`));
}

/** Parses the one response that a text is. */
export function parseResponse(text: string): RawResponse {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? Number.NaN);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return { status, headers, body: rest.join("\r\n\r\n") };
}
