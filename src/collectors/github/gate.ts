// The gate: every request goes through here, none while GitHub said not to ask, and every answer is noted.

import type { Clock } from "../clock.ts";
import { CollectError } from "../collector.ts";
import type { Budget } from "./budget.ts";
import type { Credentials } from "./credentials.ts";
import { isLimited } from "./rate-limit.ts";
import { redact } from "./redact.ts";
import { type Asked, networkFailure, refusal } from "./refusals.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import type { Reply, Transport } from "./transport.ts";

export interface Gate {
  /** Why nothing may be asked now: RATE_LIMITED or UNAUTHENTICATED. Undefined: it may. */
  readonly obstacle: CollectError | undefined;
  /** @throws {CollectError} The {@link obstacle}, when there is one. */
  throwIfClosed(): void;
  /**
   * Sends one GET, twice when that may help.
   *
   * @param route what it asks for, with placeholders.
   * @returns what GitHub answered, whatever it says, other than a limit, a refused token or a failure of its own.
   * @throws {CollectError} RATE_LIMITED, UNAUTHENTICATED, UNREACHABLE, TIMEOUT, BAD_ANSWER; the reason of the policy's signal.
   */
  send(
    route: string,
    url: URL,
    headers: Readonly<Record<string, string>>,
    policy: RetryPolicy,
  ): Promise<Reply>;
  /** What an error about this address is to say. */
  asked(url: URL): Asked;
}

/** One request and its answer, for the log. */
export interface AnsweredRequest {
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  /** What it cost of the primary rate limit. */
  readonly points: number;
}

/** How one request has ended: with a status, or with the reason of a failure. */
export type Sent = { readonly status: number } | { readonly failure: string };

/** Is told of each request when it is sent, by its route with placeholders. What it returns is called when it has ended. Must not throw. */
export type OnSend = (route: string) => (sent: Sent) => void;

export interface GateOptions {
  readonly apiUrl: URL;
  readonly credentials: Credentials;
  readonly budget: Budget;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly onRequest: (request: AnsweredRequest) => void;
  /** Default: nobody is told. */
  readonly onSend?: OnSend | undefined;
}

export function createGate(options: GateOptions): Gate {
  const {
    apiUrl,
    credentials,
    budget,
    transport,
    clock,
    onRequest,
    onSend = () => () => undefined,
  } = options;
  const asked = ({ pathname }: URL, token = credentials.token): Asked => ({
    path: redact(pathname, token),
    token,
    apiUrl,
  });

  const obstacle = (): CollectError | undefined => {
    const { blockedBecause } = budget;
    const limited =
      blockedBecause === undefined ? undefined : new CollectError("RATE_LIMITED", blockedBecause);
    return credentials.refusal ?? limited;
  };

  const throwIfClosed = (): void => {
    const found = obstacle();
    if (found !== undefined) {
      throw found;
    }
  };

  const sendOnce = async (
    route: string,
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Reply> => {
    throwIfClosed();
    const { token } = credentials;
    const about = asked(url, token);
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sentMs = clock.monotonicMs();
    const ended = onSend(route);
    const reply = await transport(url, { ...headers, ...authorization }, signal).catch((error: unknown) => {
      const failure = signal.aborted ? error : networkFailure(error, about);
      ended({ failure: failure instanceof CollectError ? failure.reason : "ABORTED" });
      throw failure;
    });
    ended({ status: reply.status });
    const isRefused = isLimited(reply);
    // GitHub counts a 304 for those that it does not know.
    const points = isRefused || (reply.status === 304 && token !== undefined) ? 0 : 1;
    const { status } = reply;
    onRequest({ path: about.path, status, durationMs: clock.monotonicMs() - sentMs, points });
    if (credentials.token !== token && status >= 400) {
      // What is said of another token says nothing of the present one.
      throw new CollectError("UNAUTHENTICATED", "the token was replaced while GitHub was asked");
    }
    if (isRefused) {
      budget.noteLimited(reply);
      throwIfClosed();
    }
    if (credentials.token === token) {
      budget.note(reply, points);
    }
    if (status === 401) {
      credentials.refuse(refusal(reply, about));
      throwIfClosed();
    }
    if (status >= 500) {
      throw refusal(reply, about);
    }
    return reply;
  };

  return {
    get obstacle() {
      return obstacle();
    },
    throwIfClosed,
    asked,
    send: (route, url, headers, policy) =>
      policy.twice(
        (signal) => sendOnce(route, url, headers, signal),
        (error) => error instanceof CollectError && ["UNREACHABLE", "TIMEOUT"].includes(error.reason),
      ),
  };
}
