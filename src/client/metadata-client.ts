// What a client is, whatever carries its calls. No Node, no browser: the entries bring the transport.

import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { MetadataService } from "../gen/fleet/metadata/v1/service_pb.ts";
import { link } from "./link.ts";
import { MAX_TIMER_MS } from "./timers.ts";

/**
 * The calls of the service: `getMetadata`, `watchMetadata`, `listKeys`. They reject with a `ConnectError`. A call takes
 * `{ signal, timeoutMs }` of its own; `timeoutMs: 0` means no limit, which a stream needs. A stream ends with the loop that reads
 * it, too.
 */
export interface MetadataClient extends Client<typeof MetadataService> {
  /** Ends the connections at once. Calls in progress fail. May be called more than once. */
  close(): void;
}

/** How calls are carried. All three are served on the same port. */
export type Protocol = "connect" | "grpc" | "grpc-web";

const PROTOCOLS: readonly Protocol[] = ["connect", "grpc", "grpc-web"];

/** Sent as bearer token. A function is asked before every call, so that a token may change while the client lives. */
export type Token = string | (() => string | Promise<string>);

export interface MetadataClientOptions {
  /**
   * Default: "connect". In Node, "grpc" is HTTP/2 (by prior knowledge for http: addresses), the others are HTTP/1.1.
   * A browser has no "grpc".
   */
  readonly protocol?: Protocol;
  /** Absent: calls bear no token. */
  readonly token?: Token;
  /**
   * How long a call may take that does not say so itself, streams included, in milliseconds, up to 2,147,483,647. Default: 10,000.
   * 0: no limit.
   */
  readonly timeoutMs?: number;
}

/**
 * Makes a client of `url`.
 *
 * @throws {TypeError} when `url` is no address, or the protocol is not to be had here; {RangeError} when `timeoutMs` is out of range.
 */
export type CreateMetadataClient = (url: string, options?: MetadataClientOptions) => MetadataClient;

/** A call that does not say how long it may take. A read takes milliseconds; this is for one whose network is slow or gone. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** Largest answer that is read, in bytes. Both views of a whole state are under 4 MiB: more is no answer of ours. */
export const READ_MAX_BYTES: number = 8 * 1024 * 1024;

/** Makes the client of a transport. `close` ends its connections. */
export function clientOf(transport: Transport, close: () => void): MetadataClient {
  const calls = createClient(MetadataService, transport);
  return {
    ...calls,
    // The library's own streams go on when the loop that reads them is left.
    watchMetadata: (request, options) => {
      const over = new AbortController();
      const messages = (async function* () {
        const unlink = link(options?.signal, over);
        try {
          yield* calls.watchMetadata(request, { ...options, signal: over.signal });
        } finally {
          unlink();
          over.abort();
        }
      })();
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => messages.next(),
          return: (value) => {
            // A generator that waits for a message would return only then.
            over.abort();
            return messages.return(value);
          },
        }),
      };
    },
    close,
  };
}

/** What a transport is made with, of the options that are checked in the same way everywhere. */
export function checkedOptions({
  protocol = "connect",
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: MetadataClientOptions): {
  readonly protocol: Protocol;
  readonly limit: { readonly defaultTimeoutMs?: number };
} {
  if (!PROTOCOLS.includes(protocol)) {
    throw new TypeError(`protocol: "${protocol}" is not valid; allowed are "connect", "grpc" and "grpc-web"`);
  }
  if (!(timeoutMs >= 0 && timeoutMs <= MAX_TIMER_MS)) {
    throw new RangeError(
      `timeoutMs: ${timeoutMs} is not valid; allowed is 0 (no limit) up to ${MAX_TIMER_MS} milliseconds`,
    );
  }
  return { protocol, limit: timeoutMs > 0 ? { defaultTimeoutMs: Math.ceil(timeoutMs) } : {} };
}

/** The interceptor that sends the token. */
export function authorize(token: Token | undefined): Interceptor[] {
  if (token === undefined) {
    return [];
  }
  return [
    (next) => async (request) => {
      const text = typeof token === "string" ? token : await orAborted(request.signal, token);
      request.header.set("authorization", `Bearer ${text}`);
      return await next(request);
    },
  ];
}

/** What `ask` gives, or a rejection when the call is over before that: a token that never comes must not keep it. */
async function orAborted(signal: AbortSignal, ask: () => string | Promise<string>): Promise<string> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([ask(), promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
