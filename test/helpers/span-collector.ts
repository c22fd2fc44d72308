// A stand-in for an OpenTelemetry collector: real HTTP on a free port of loopback, which reads what it is sent.

import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { onTestFinished } from "vitest";
import { type ReceivedSpan, readSpans } from "./otlp.ts";
import { until } from "./wait.ts";

/** A request that it got, read or not. */
export interface ReceivedBatch {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly ReceivedSpan[];
}

export interface SpanCollector {
  /** `http://127.0.0.1:port`, `https` where it has a certificate; without a path. */
  readonly url: string;
  readonly batches: readonly ReceivedBatch[];
  /** Of all batches. */
  readonly spans: readonly ReceivedSpan[];
  /** Answers in another way from now on. Default: 200 and an empty message. */
  answer(how: (response: ServerResponse) => void): void;
  /** Waits for a span. */
  spanOf(what: string, wanted: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
  /** Connections that are open. */
  connections(): number;
  /** Breaks all connections and listens no more. */
  close(): Promise<void>;
}

/** Starts one for the running test. @param tls what it is served with. Default: cleartext. */
export async function startSpanCollector(tls?: SecureContextOptions): Promise<SpanCollector> {
  const batches: ReceivedBatch[] = [];
  const sockets = new Set<Socket>();
  let answer = (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  };
  const serve: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url = "", headers } = request;
      batches.push({ path: url, headers, spans: readSpans(Buffer.concat(chunks)) });
      answer(response);
    });
  };
  const server = tls === undefined ? createServer(serve) : createSecureServer(tls, serve);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(close);
  const spans = (): ReceivedSpan[] => batches.flatMap((batch) => batch.spans);
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batches,
    get spans() {
      return spans();
    },
    answer: (how) => {
      answer = how;
    },
    spanOf: async (what, wanted) => {
      await until(() => spans().some(wanted), what, 20_000);
      const found = spans().find(wanted);
      if (found === undefined) {
        throw new Error(`there is no ${what}`);
      }
      return found;
    },
    connections: () => sockets.size,
    close,
  };
}
