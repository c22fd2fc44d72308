// What the log says about requests: a line for each at level debug, with nothing in it that a client has made up.

import type { Logger } from "./log.ts";
import type { CountedRequest } from "./request-count.ts";

/** @returns what is to be called when a request begins; what that returns, when it has ended. */
export function createRequestLog(
  log: Logger,
  monotonicMs: () => number,
): (request: CountedRequest) => (code: string) => void {
  return ({ kind, name, method, protocol }) => {
    const startedMs = monotonicMs();
    return (code) => {
      const durationMs = Math.round((monotonicMs() - startedMs) * 1_000) / 1_000;
      log.debug({ [kind === "rpc" ? "rpc" : "route"]: name, method, protocol, code, durationMs }, "answered");
    };
  };
}
