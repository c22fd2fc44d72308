// What spans of requests say, in the words of OpenTelemetry's semantic conventions for HTTP and RPC servers
// (https://opentelemetry.io/docs/specs/semconv/). Nothing that a client has made up: paths are those that are served.

import { type Attributes, type Span, SpanStatusCode } from "@opentelemetry/api";
import type { TracedRequest } from "./tracing.ts";

/** In place of what is not served. */
const OTHER = "_OTHER";

/** Connect's words that are a fault of the server, as the conventions for gRPC have them. */
const FAULTS: ReadonlySet<string> = new Set([
  "unknown",
  "deadline_exceeded",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
]);

/** Few different ones. */
export function requestName({ kind, name, method, protocol }: TracedRequest): string {
  const isKnown = name !== "unknown";
  if (kind === "rpc") {
    return isKnown ? name : systemOf(protocol);
  }
  const verb = method === "other" ? "HTTP" : method;
  return isKnown ? `${verb} ${name}` : verb;
}

/** What is known when a request begins. */
export function requestStart({ kind, name, method, protocol, version, isSecure }: TracedRequest): Attributes {
  const isKnown = name !== "unknown";
  const ofBoth = {
    "http.request.method": methodOf(method),
    "url.scheme": isSecure ? "https" : "http",
    "network.protocol.name": "http",
    "network.protocol.version": version.replace(/\.0$/, ""),
  };
  if (kind === "rpc") {
    return {
      ...ofBoth,
      "rpc.system.name": systemOf(protocol),
      "rpc.method": isKnown ? name : OTHER,
      "fleet_metadata.rpc.protocol": protocol,
      ...(isKnown && { "url.path": `/${name}` }),
    };
  }
  // A route with a placeholder stands for paths that clients make up.
  const isPath = isKnown && !name.includes("{");
  return { ...ofBoth, ...(isKnown && { "http.route": name }), ...(isPath && { "url.path": name }) };
}

/** @param code status of a plain route, Connect's word for an RPC; "canceled" for both. */
export function requestEnd(span: Span, { kind, protocol }: TracedRequest, code: string): void {
  if (kind === "rpc") {
    span.setAttribute("rpc.response.status_code", protocol === "connect" ? code : grpcName(code));
  } else if (/^\d{3}$/.test(code)) {
    span.setAttribute("http.response.status_code", Number(code));
  }
  const isFault = kind === "rpc" ? FAULTS.has(code) : code.startsWith("5");
  if (isFault || code === "canceled") {
    span.setAttribute("error.type", code);
  }
  if (isFault) {
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

function systemOf(protocol: string): string {
  return protocol === "connect" ? "connectrpc" : "grpc";
}

function methodOf(method: string): string {
  return method === "other" ? OTHER : method;
}

/** gRPC's name for a code, which it spells in capitals, and one of them in another way. */
function grpcName(code: string): string {
  return code === "canceled" ? "CANCELLED" : code.toUpperCase();
}
