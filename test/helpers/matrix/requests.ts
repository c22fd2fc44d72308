// Which protocols and versions of HTTP the servers of this process are really called by.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { onTestFinished } from "vitest";
import type { Protocol } from "./combinations.ts";

/** Notes requests until the test is over. @returns what has come so far: "Connect GET, HTTP/1.1". Preflights do not count. */
export function followRequests(): () => readonly string[] {
  const seen: string[] = [];
  const note = (method = "", path = "", type = "", version: string): void => {
    if (method !== "OPTIONS" && /metadata/i.test(path)) {
      seen.push(`${protocolOf(method, path, type)}, ${version}`);
    }
  };
  const onHttp1 = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage };
    note(request.method, request.url, request.headers["content-type"], `HTTP/${request.httpVersion}`);
  };
  const onHttp2 = (message: unknown): void => {
    const { headers } = message as { headers: IncomingHttpHeaders };
    note(String(headers[":method"]), String(headers[":path"]), headers["content-type"], "HTTP/2");
  };
  subscribe("http.server.request.start", onHttp1);
  subscribe("http2.server.stream.start", onHttp2);
  onTestFinished(() => {
    unsubscribe("http.server.request.start", onHttp1);
    unsubscribe("http2.server.stream.start", onHttp2);
  });
  return () => seen;
}

function protocolOf(method: string, path: string, type: string): Protocol {
  if (path.startsWith("/metadata")) {
    return "plain JSON";
  }
  if (type.startsWith("application/grpc-web")) {
    return "gRPC-web";
  }
  if (type.startsWith("application/grpc")) {
    return "gRPC";
  }
  return method === "GET" ? "Connect GET" : "Connect POST";
}
