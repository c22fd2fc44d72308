// Many servers: read once, or watched as one live view. A server that is down costs only its own result.

import type { GetMetadataResponse } from "../gen/fleet/metadata/v1/service_pb.ts";
import type { FailureReason } from "./failure.ts";
import { type FleetView, type WatchFleetOptions, watchMembers } from "./fleet-view.ts";
import { createLine, type Line } from "./line.ts";
import { link } from "./link.ts";
import type {
  CreateMetadataClient,
  MetadataClient,
  MetadataClientOptions,
  Protocol,
  Token,
} from "./metadata-client.ts";
import { MAX_TIMER_MS, systemTimers } from "./timers.ts";
import type { WatchRequest } from "./watch.ts";

/**
 * A server: its address (see `createMetadataClient`), or an object with it and what is special about it. An object may
 * carry anything else; it comes back as it is with every result.
 */
export type FleetTarget =
  | string
  | {
      readonly url: string;
      /** Default: that of the fleet. */
      readonly protocol?: Protocol;
      /** Default: that of the fleet. */
      readonly token?: Token;
    };

/** How a fleet is read. */
export interface FleetOptions extends MetadataClientOptions, WatchRequest {
  /**
   * How many servers `collect` asks at a time, and to how many `watch` connects at a time, 1 or more. A server that `watch`
   * connects to counts until its first state is there, or until it failed. Default: 100.
   */
  readonly concurrency?: number;
  /** How long one server may take to answer `collect`, in milliseconds, up to 2,147,483,647. Default: 3,000. */
  readonly timeoutMs?: number;
}

/** What became of one target: `response`, or else `reason` and `message`. */
export type FleetResult<T extends FleetTarget = FleetTarget> =
  | {
      readonly target: T;
      readonly response: GetMetadataResponse;
      readonly reason?: never;
      readonly message?: never;
    }
  | {
      readonly target: T;
      readonly response?: never;
      readonly reason: FailureReason;
      /** For a person: one line of at most 300 characters. */
      readonly message: string;
    };

/** A fleet and the connections to it. */
export interface Fleet<T extends FleetTarget = FleetTarget> {
  /**
   * Reads every target once. One result per target, in their order; never rejects for a target.
   *
   * @throws the signal's reason when it is aborted, and an error when the fleet is closed.
   */
  collect(options?: { readonly signal?: AbortSignal }): Promise<FleetResult<T>[]>;
  /** Watches every target until `signal` is aborted or the fleet is closed. */
  watch(options: WatchFleetOptions<T>): FleetView<T>;
  /** Ends all that is going on, and the connections. May be called more than once. */
  close(): void;
}

/**
 * Makes a fleet. It connects at the first `collect()`; later ones use the same connections. A `watch()` has connections
 * of its own.
 *
 * @param targets any number; the same one twice is read twice and watched once.
 * @throws {RangeError} when `concurrency` is not a whole number of 1 or more, or `timeoutMs` is not above 0 or above
 *   2,147,483,647.
 */
export function createFleetBy<T extends FleetTarget>(
  createClient: CreateMetadataClient,
  targets: readonly T[],
  options: FleetOptions = {},
): Fleet<T> {
  const { concurrency = 100, timeoutMs = 3_000, keys = [], view = 0, timers = systemTimers } = options;
  if (!(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new RangeError(`concurrency: ${concurrency} is not valid; allowed is a whole number of 1 or more`);
  }
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS)) {
    throw new RangeError(
      `timeoutMs: ${timeoutMs} is not valid; allowed is more than 0, up to ${MAX_TIMER_MS} milliseconds`,
    );
  }
  const closed = new AbortController();
  const connect = (target: T): MetadataClient => {
    const special: Exclude<FleetTarget, string> = typeof target === "string" ? { url: target } : target;
    const { url, protocol = options.protocol, token = options.token } = special;
    return createClient(url, {
      timeoutMs,
      ...(protocol === undefined ? {} : { protocol }),
      ...(token === undefined ? {} : { token }),
    });
  };
  const lines = targets.map((target) => [target, createLine(() => connect(target), timers)] as const);

  const read = async (line: Line, target: T, signal: AbortSignal): Promise<FleetResult<T>> => {
    const answer = await line.read({ keys: [...keys], view }, { signal, timeoutMs: Math.ceil(timeoutMs) });
    return "reason" in answer
      ? { target, reason: answer.reason, message: answer.message }
      : { target, response: answer };
  };

  return {
    async collect({ signal } = {}) {
      const over = new AbortController();
      const unlink = [closed.signal, signal].map((from) => link(from, over));
      try {
        const results = await mapLimited(lines, concurrency, over.signal, ([target, line]) =>
          read(line, target, over.signal),
        );
        over.signal.throwIfAborted();
        return results;
      } finally {
        for (const end of unlink) {
          end();
        }
      }
    },
    watch: (watchOptions) =>
      watchMembers(targets, connect, options, concurrency, watchOptions, closed.signal),
    close() {
      closed.abort(new Error("the fleet is closed"));
      for (const [, line] of lines) {
        line.close();
      }
    },
  };
}

/** As `Promise.all` over `map`, with no more than `limit` at a time, and none begun after `signal` was aborted. */
async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const worker = async (): Promise<void> => {
    while (!signal.aborted) {
      const { done, value } = rest.next();
      if (done) {
        return;
      }
      const [index, item] = value;
      results[index] = await map(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
