// What is said of a request to those that count and log: nothing that a client has made up, and only so many different words.

import { isRpc, pathOf, type Request } from "./message.ts";
import { asksToWait, routeOf } from "./plain-routes.ts";

/** A request, without anything that names a key, a person or a secret. */
export interface RequestKind {
  readonly kind: "http" | "rpc";
  /** Route ("/metadata/{key}") or RPC ("package.Service/Method"); "unknown" for all that there is not. */
  readonly name: string;
  /** In upper case; "other" for those that are not served anywhere. */
  readonly method: string;
  /** Of an RPC grpc, grpc-web or connect; else http/1.1 or http/2. */
  readonly protocol: string;
  /** Whether it lasts until somebody ends it. */
  readonly isLasting: boolean;
}

/** Is told when a request begins. What it returns is called once, when it has ended, with status or code. Must not throw. */
export type RequestObserver = (request: RequestKind) => (code: string) => void;

/** A request as it is traced. */
export interface TracedRequest extends RequestKind {
  /** Of HTTP, "1.1" or "2.0". */
  readonly version: string;
  /** Whether it came over TLS. */
  readonly isSecure: boolean;
  /**
   * The headers that name the trace that it is part of, as they came. Undefined where there are none, and where the request is
   * refused: whoever may not ask may not write into the traces of others either.
   */
  readonly caller: { readonly parent: string; readonly state: string | undefined } | undefined;
}

/** One request, for traces. As an object it stands for the request in all that is done for it. */
export interface RequestTrace {
  /** It has ended, with status or code. */
  end(code: string): void;
}

/** Is told when a request begins, and whether it was refused is known. Must not throw. */
export type RequestTracer = (request: TracedRequest) => RequestTrace;

/** What the RPC side says of its paths. */
export interface RpcPaths {
  readonly paths: ReadonlySet<string>;
  /** Those of them that stream. */
  readonly streamPaths: ReadonlySet<string>;
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "POST"]);

/** What kind of request this is. */
export function kindOf(request: Request, { paths, streamPaths }: RpcPaths): RequestKind {
  const path = pathOf(request);
  const method = METHODS.has(request.method ?? "") ? (request.method ?? "") : "other";
  if (paths.has(path)) {
    const name = path.slice(1);
    return { kind: "rpc", name, method, protocol: rpcProtocol(request), isLasting: streamPaths.has(path) };
  }
  if (isRpc(request)) {
    return { kind: "rpc", name: "unknown", method, protocol: rpcProtocol(request), isLasting: false };
  }
  const name = routeOf(path);
  const protocol = request.httpVersionMajor === 2 ? "http/2" : "http/1.1";
  return { kind: "http", name, method, protocol, isLasting: asksToWait(name, request.url ?? "") };
}

/** What is traced of a request. */
export function tracedOf(request: Request, kind: RequestKind, isRefused: boolean): TracedRequest {
  const { traceparent: parent, tracestate: state } = request.headers;
  return {
    ...kind,
    version: request.httpVersion,
    isSecure: "encrypted" in request.socket,
    caller:
      isRefused || typeof parent !== "string"
        ? undefined
        : { parent, state: typeof state === "string" ? state : undefined },
  };
}

function rpcProtocol(request: Request): string {
  const contentType = request.headers["content-type"] ?? "";
  const [, protocol] = /^application\/(grpc-web|grpc)/.exec(contentType) ?? [];
  return protocol ?? "connect";
}
