// Streams that a test reads when it likes, or never: of either protocol, without a client library that reads ahead.

import type { ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { Readable } from "node:stream";
import { openSession } from "./http2-client.ts";
import { openSocket } from "./raw-http.ts";
import type { TestServer } from "./server.ts";

const WATCH = "/fleet.metadata.v1.MetadataService/WatchMetadata";
const EVENTS = "/metadata/events";

/** A message of an RPC stream. */
export function envelope(message: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, Buffer.from(message)]);
}

/** Opens an HTTP/2 stream on a session that is given. */
export function requestStream(
  session: Awaited<ReturnType<typeof openSession>>,
  headers: OutgoingHttpHeaders,
  body?: Buffer,
): ClientHttp2Stream {
  const stream = session.request(headers, { endStream: body === undefined });
  stream.on("error", () => undefined);
  if (body !== undefined) {
    stream.end(body);
  }
  return stream;
}

/** Each opens a stream of whole states; what it gives is not read before the test does. */
export const RAW_STREAMS: Readonly<Record<string, (server: TestServer) => Promise<Readable>>> = {
  "events over HTTP/1.1": async (server) => {
    const socket = await openSocket(server);
    socket.write(`GET ${EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  },
  "events over HTTP/2": async (server) => requestStream(await openSession(server.url), { ":path": EVENTS }),
  "Connect over HTTP/1.1": async (server) => {
    const socket = await openSocket(server);
    const body = envelope("{}");
    socket.write(
      `POST ${WATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/connect+json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    return socket;
  },
  "gRPC over HTTP/2": async (server) =>
    requestStream(
      await openSession(server.url),
      { ":method": "POST", ":path": WATCH, "content-type": "application/grpc+json", te: "trailers" },
      envelope("{}"),
    ),
};
