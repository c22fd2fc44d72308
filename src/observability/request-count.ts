// Counts requests: how many there are, of what kind, how they end, and how long they take.

import type { Tally } from "./tally.ts";

/** A request as it is counted: nothing of it is what a client has made up. */
export interface CountedRequest {
  readonly kind: "http" | "rpc";
  /** Route or RPC. */
  readonly name: string;
  readonly method: string;
  readonly protocol: string;
  /** Whether it lasts until somebody ends it, so that its duration says nothing. */
  readonly isLasting: boolean;
}

/** What is counted of one kind of request. */
interface Count {
  readonly inFlight: { value: number };
  /** Of those that last until somebody ends them. */
  readonly open: { value: number } | undefined;
  /** Of the others. */
  readonly observe: ((seconds: number) => void) | undefined;
  readonly ended: Map<string, { value: number }>;
}

/** @returns what is to be called when a request begins; what that returns, when it has ended, with its status or code. */
export function createRequestCount(
  tally: Tally,
  monotonicMs: () => number,
): (request: CountedRequest) => (code: string) => void {
  // Looking series up by their labels costs more than all the rest, and a server has few kinds of requests.
  const counts = new Map<string, Count>();
  return (request) => {
    const { name, method, protocol, isLasting } = request;
    const key = `${name} ${method} ${protocol} ${isLasting}`;
    let count = counts.get(key);
    if (count === undefined) {
      count = createCount(tally, request);
      counts.set(key, count);
    }
    const { inFlight, open, observe, ended } = count;
    const startedMs = monotonicMs();
    inFlight.value += 1;
    if (open !== undefined) {
      open.value += 1;
    }
    return (code) => {
      inFlight.value -= 1;
      if (open !== undefined) {
        open.value -= 1;
      }
      let total = ended.get(code);
      if (total === undefined) {
        total = totalOf(tally, request, code);
        ended.set(code, total);
      }
      total.value += 1;
      observe?.((monotonicMs() - startedMs) / 1_000);
    };
  };
}

function createCount(tally: Tally, { kind, name, isLasting }: CountedRequest): Count {
  const isRpc = kind === "rpc";
  return {
    inFlight: tally.number(
      isRpc ? "fleet_metadata_rpc_requests_in_flight" : "fleet_metadata_http_requests_in_flight",
      [name],
    ),
    open: isLasting ? tally.number("fleet_metadata_streams_open", [name]) : undefined,
    observe: isLasting
      ? undefined
      : tally.histogram(
          isRpc
            ? "fleet_metadata_rpc_request_duration_seconds"
            : "fleet_metadata_http_request_duration_seconds",
          [name],
        ),
    ended: new Map(),
  };
}

function totalOf(
  tally: Tally,
  { kind, name, method, protocol }: CountedRequest,
  code: string,
): { value: number } {
  return kind === "rpc"
    ? tally.number("fleet_metadata_rpc_requests_total", [name, protocol, code])
    : tally.number("fleet_metadata_http_requests_total", [name, method, protocol, code]);
}
