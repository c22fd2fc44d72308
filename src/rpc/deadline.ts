// The caller's timeout. The library honours it, but for those that are longer than a timer of Node can be.

import type { HandlerContext } from "@connectrpc/connect";

/** Longest time that a timer can have: 25 days. Node makes a millisecond of a longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** In milliseconds. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests; smaller ones cannot be too long. */
const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/**
 * Refuses a call that has ended before its request is read, a timeout of 0 for one: what is wrong with the request comes too late
 * for `blameUndecodable` then.
 *
 * @throws why it has ended.
 */
export function refuseEnded({ signal }: Pick<HandlerContext, "signal">): void {
  signal.throwIfAborted();
}

/** Makes a timeout that is too long for a timer the longest that can be had. What is no timeout is left to the library to refuse. */
export function limitTimeout(headers: Headers): void {
  const [, amount = "0", unit = ""] = /^(\d{1,8})([HMS])$/.exec(headers.get("grpc-timeout") ?? "") ?? [];
  if (Number(amount) * (GRPC_UNITS[unit] ?? 0) > MAX_TIMER_MS) {
    headers.set("grpc-timeout", `${Math.floor(MAX_TIMER_MS / 1_000)}S`);
  }
  const connectMs = headers.get("connect-timeout-ms") ?? "";
  if (/^\d{1,10}$/.test(connectMs) && Number(connectMs) > MAX_TIMER_MS) {
    headers.set("connect-timeout-ms", String(MAX_TIMER_MS));
  }
}
