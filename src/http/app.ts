// What happens to every request, in this order: security headers, guard, CORS, then an RPC or a plain route.

import { constants } from "node:http2";
import type { Guard, Verdict } from "./guard/guard.ts";
import { SECURITY_HEADERS } from "./guard/security-headers.ts";
import type { RequestHandler } from "./listener.ts";
import {
  isRpc,
  pathOf,
  type Refusal,
  type Request,
  type Response,
  sendEmpty,
  sendRefusal,
} from "./message.ts";
import { breakOff, createWriter, isBroken, type Write } from "./outflow.ts";
import { HEALTH_PATH, type PlainRoutes } from "./plain-routes.ts";
import {
  kindOf,
  type RequestObserver,
  type RequestTrace,
  type RequestTracer,
  type RpcPaths,
  tracedOf,
} from "./request-kind.ts";

/** The RPC side, which the HTTP side knows nothing of but this. */
export interface RpcHandler extends RpcPaths {
  /**
   * Serves a request on one of them; what has no end goes through `write`. Rejects when the connection breaks meanwhile, and
   * for defects.
   *
   * @param cause stands for the request where that is traced.
   * @returns Connect's word for how the call has ended, `ok` included.
   */
  handle(request: Request, response: Response, write: Write, cause?: object): Promise<string>;
}

/** What pages of other sites may send and see. */
export interface CorsOptions {
  readonly allowedMethods: readonly string[];
  readonly allowedHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
}

export interface AppOptions {
  readonly guard: Guard;
  readonly rpc: RpcHandler;
  readonly plain: PlainRoutes;
  readonly cors: CorsOptions;
  /** See {@link HttpLimits.writeStallMs}. */
  readonly writeStallMs: number;
  /** See {@link HttpLimits.openRequests}. */
  readonly openRequests: number;
  /** Hears of defects: what should never happen while a request is served. */
  readonly onError: (error: unknown) => void;
  /** Hears of every request. Default: nobody does. */
  readonly observer?: RequestObserver | undefined;
  /** Default: there are no traces. */
  readonly tracer?: RequestTracer | undefined;
}

const TOO_MANY: Refusal = {
  status: 429,
  code: "resource_exhausted",
  message: "too many requests are open; some have to end first",
  headers: { "retry-after": "1" },
};

/** How long a browser may keep the answer to a preflight, in seconds (Chromium's own maximum). */
const PREFLIGHT_MAX_AGE_S = 7_200;

export function createApp(options: AppOptions): RequestHandler {
  const { onError, rpc, observer = () => () => undefined, tracer } = options;
  let open = 0;
  return (request, response, localAddress) => {
    const gone = new AbortController();
    open += 1;
    const isFull = open > options.openRequests;
    response.once("close", () => {
      open -= 1;
      if (!response.writableEnded) {
        gone.abort();
      }
    });
    const kind = kindOf(request, rpc);
    let ended = observer(kind);
    const fail = (error: unknown): void => {
      if (gone.signal.aborted || isBroken(response)) {
        ended("canceled");
        return;
      }
      ended(kind.kind === "rpc" ? "internal" : "500");
      onError(error);
      if (response.headersSent) {
        breakOff(response, constants.NGHTTP2_INTERNAL_ERROR);
      } else {
        const message = "unexpected error, see the server's log";
        sendRefusal(request, response, { status: 500, code: "internal", message });
      }
    };
    const done = (code: string | undefined): void => ended(code ?? String(response.statusCode));
    try {
      const verdict = admit(options, request, response, localAddress, isFull);
      const trace = tracer?.(tracedOf(request, kind, verdict.refusal !== undefined));
      if (trace !== undefined) {
        const observed = ended;
        ended = (code) => {
          observed(code);
          trace.end(code);
        };
      }
      const served = serve(options, request, response, verdict, gone.signal, trace);
      if (served instanceof Promise) {
        served.then(done, fail);
      } else {
        done(served);
      }
    } catch (error) {
      fail(error);
    }
  };
}

/** Sets the headers that every answer has, asks the guard, and refuses what is too many. */
function admit(
  { guard, cors }: AppOptions,
  request: Request,
  response: Response,
  localAddress: string | undefined,
  isFull: boolean,
): Verdict {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    response.setHeader(name, value);
  }
  const verdict = guard(request, localAddress);
  const { crossOrigin } = verdict;
  if (crossOrigin !== undefined) {
    response.setHeader("access-control-allow-origin", crossOrigin);
    response.setHeader("access-control-expose-headers", cors.exposedHeaders.join(", "));
    response.setHeader("vary", "Origin");
  }
  // What takes no time stays open for those who ask whether the server is there at all.
  const isRefused = isFull && verdict.refusal === undefined && pathOf(request) !== HEALTH_PATH;
  return isRefused ? { ...verdict, refusal: TOO_MANY } : verdict;
}

/** @returns how an RPC has ended; undefined for plain routes, where the status says it. */
function serve(
  { rpc, plain, cors, writeStallMs }: AppOptions,
  request: Request,
  response: Response,
  { refusal, crossOrigin }: Verdict,
  gone: AbortSignal,
  cause: RequestTrace | undefined,
): Promise<string | undefined> | string | undefined {
  if (refusal) {
    sendRefusal(request, response, refusal);
    return isRpc(request) ? refusal.code : undefined;
  }
  if (crossOrigin !== undefined && request.method === "OPTIONS") {
    sendEmpty(response, 204, {
      "access-control-allow-methods": cors.allowedMethods.join(", "),
      "access-control-allow-headers": cors.allowedHeaders.join(", "),
      "access-control-max-age": String(PREFLIGHT_MAX_AGE_S),
    });
    return isRpc(request) ? "ok" : undefined;
  }
  const path = pathOf(request);
  const write = createWriter(response, writeStallMs);
  if (rpc.paths.has(path)) {
    if (request.headers.expect?.toLowerCase() === "100-continue") {
      response.writeContinue();
    }
    return rpc.handle(request, response, write, cause);
  }
  if (isRpc(request)) {
    const message = `there is no method ${path}`;
    sendRefusal(request, response, { status: 404, code: "unimplemented", message });
    return "unimplemented";
  }
  return plain({ request, response, signal: gone, write, cause }).then(() => undefined);
}
