// One merged live view of many servers.

import type { GetMetadataResponse } from "../gen/fleet/metadata/v1/service_pb.ts";
import { createGate } from "./gate.ts";
import { link } from "./link.ts";
import type { MetadataClient } from "./metadata-client.ts";
import { systemTimers } from "./timers.ts";
import { type Connection, type WatchMetadataOptions, type WatchRequest, watchBy } from "./watch.ts";

/** What is known of one target now. */
export interface FleetMember<T> {
  readonly target: T;
  /** The last state, kept while the server is away. Undefined: there was none yet. */
  readonly state: GetMetadataResponse | undefined;
  readonly connection: Connection;
  /**
   * How long ago the server last said that this is its state, in milliseconds, as of now. While it is connected no more
   * than the heartbeat and its margin. Undefined: there is no state.
   */
  readonly ageMs: number | undefined;
}

/** One thing that changed: the state of one target, or its connection. */
export interface FleetChange<T> {
  readonly kind: "state" | "connection";
  readonly member: FleetMember<T>;
}

export interface WatchFleetOptions<T> {
  /** Gets each change, one by one, after `members` has it. What it throws ends the view. */
  readonly onChange?: (change: FleetChange<T>) => void;
  /** Ends the view. */
  readonly signal: AbortSignal;
}

/** A live view of a fleet. */
export interface FleetView<T> {
  /** One per target, in their order. A member is replaced when it changes; only its `ageMs` moves by itself. */
  readonly members: ReadonlyMap<T, FleetMember<T>>;
  /**
   * Resolves when the view has ended and left nothing behind: no connection, timer or listener. Rejects with what
   * `onChange` threw.
   */
  readonly ended: Promise<void>;
}

export function watchMembers<T>(
  targets: readonly T[],
  connect: (target: T) => MetadataClient,
  request: WatchRequest,
  concurrency: number,
  { onChange, signal }: WatchFleetOptions<T>,
  closed: AbortSignal,
): FleetView<T> {
  const { timers = systemTimers } = request;
  const members = new Map<T, FleetMember<T>>();
  const over = new AbortController();
  const gate = createGate(concurrency);
  // A signal of its own for each: adding a listener takes the longer the more the signal has.
  const watches = new Map([...new Set(targets)].map((target) => [target, new AbortController()]));
  over.signal.addEventListener("abort", () => {
    for (const watch of watches.values()) {
      watch.abort();
    }
  });
  const unlink = [signal, closed].map((from) => link(from, over));
  let thrown: { readonly error: unknown } | undefined;

  function replace(
    target: T,
    state: GetMetadataResponse | undefined,
    connection: Connection,
    heardAtMs: number,
  ) {
    members.set(target, {
      target,
      state,
      connection,
      get ageMs() {
        return state === undefined ? undefined : timers.nowMs() - heardAtMs;
      },
    });
  }

  function tell(kind: FleetChange<T>["kind"], target: T): void {
    const member = members.get(target);
    if (member === undefined || over.signal.aborted) {
      return;
    }
    try {
      onChange?.({ kind, member });
    } catch (error) {
      thrown ??= { error };
      over.abort();
    }
  }

  async function watch(target: T, own: AbortSignal): Promise<void> {
    // The caller has the view before it is told of the first change.
    await Promise.resolve();
    let state: GetMetadataResponse | undefined;
    let connection: Connection = { state: "connecting" };
    let heardAtMs = 0;
    const options: WatchMetadataOptions = {
      ...request,
      signal: own,
      onConnection: (next) => {
        connection = next;
        replace(target, state, connection, heardAtMs);
        tell("connection", target);
      },
      onMessage: (message) => {
        state = message;
        heardAtMs = timers.nowMs();
        replace(target, state, connection, heardAtMs);
      },
      onState: () => tell("state", target),
    };
    // What ends the watch of one target is said by its connection.
    await watchBy(() => connect(target), options, gate).catch(() => undefined);
  }

  for (const target of watches.keys()) {
    replace(target, undefined, { state: "connecting" }, 0);
  }
  const ended = Promise.all([...watches].map(([target, own]) => watch(target, own.signal))).then(() => {
    for (const end of unlink) {
      end();
    }
    if (thrown !== undefined) {
      throw thrown.error;
    }
  });
  return { members, ended };
}
