// One server, watched for as long as the caller wants: each state once, whatever becomes of the connection.

import { equals } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { MetadataEntrySchema } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import type { GetMetadataResponse, MetadataView } from "../gen/fleet/metadata/v1/service_pb.ts";
import { WorkspaceMetadataSchema } from "../gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { BACKOFF, backoffMs } from "./backoff.ts";
import { badAnswer, explainFailure, type Failure } from "./failure.ts";
import type { Gate } from "./gate.ts";
import { link } from "./link.ts";
import type { MetadataClient, MetadataClientOptions } from "./metadata-client.ts";
import { pause, systemTimers, type Timers } from "./timers.ts";

/** The server's own default. */
const HEARTBEAT_MS = 30_000;

/** How it stands with the connection of a watch. */
export type Connection =
  /** Or waiting for its turn to connect. */
  | { readonly state: "connecting" }
  /** A state arrived. */
  | { readonly state: "connected" }
  | ({
      readonly state: "disconnected";
      /** When the next try is, in milliseconds from now. Absent: the watch is over, there is none. */
      readonly retryInMs?: number;
    } & Failure);

/** What is watched, and how closely. */
export interface WatchRequest {
  /** Only these keys; a trailing "*" makes a prefix. Default: all. */
  readonly keys?: readonly string[];
  /** Default: entries. */
  readonly view?: MetadataView;
  /** How often the server is to be heard of when nothing changes, in milliseconds, 1,000 to 300,000. Default: 30,000. */
  readonly heartbeatMs?: number;
  /** How much later than that it may be heard of before it counts as silent, in milliseconds. Default: 5,000. */
  readonly silenceMarginMs?: number;
  /** How long a connection and its first state may take, in milliseconds. Default: 15,000. */
  readonly firstStateTimeoutMs?: number;
  /** Default: the machine's own. */
  readonly timers?: Timers;
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

export interface WatchMetadataOptions extends WatchRequest, Omit<MetadataClientOptions, "timeoutMs"> {
  /** Gets each new state: the first, then one per change. Never the same twice, over reconnections either. */
  readonly onState: (state: GetMetadataResponse) => void;
  /** Gets every message, heartbeats included: the same state with its newest ages. */
  readonly onMessage?: (message: GetMetadataResponse) => void;
  readonly onConnection?: (connection: Connection) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Watches a server until `signal` is aborted, over any number of connections. Resolves when it is aborted and nothing is
 * left behind: no connection, timer or listener.
 *
 * A connection that breaks, and one that is silent for longer than the heartbeat and its margin, is replaced after a
 * wait (see `backoffMs`). A server that refuses (`unauthenticated`, `permission_denied`) is tried again too, rarely:
 * tokens are rotated and servers reconfigured, and a watch of a fleet should outlive that. `invalid_argument` ends the
 * watch: the same request will never be right.
 *
 * @param gate a connection is made behind it, and is through it when the first state is there, or when it failed. Default:
 *   at once.
 * @throws {ConnectError} `invalid_argument`, after `onConnection` was told. @throws what a callback throws, which ends the
 *   watch.
 */
export async function watchBy(
  connect: () => MetadataClient,
  options: WatchMetadataOptions,
  gate?: Gate,
): Promise<void> {
  const { signal, onConnection, timers = systemTimers, random = Math.random } = options;
  const isNews = createNewsFilter();
  let failures = 0;
  while (!signal.aborted) {
    onConnection?.({ state: "connecting" });
    const through = (await gate?.(signal)) ?? (() => undefined);
    const { ended, lastedMs } = await follow(connect, options, timers, isNews, through);
    if (signal.aborted) {
      return;
    }
    const failure = explainFailure(ended);
    if (failure.error.code === Code.InvalidArgument) {
      onConnection?.({ state: "disconnected", ...failure });
      throw failure.error;
    }
    failures = lastedMs >= BACKOFF.stableMs ? 1 : failures + 1;
    const isRefused = failure.reason === "refused" || failure.reason === "unauthenticated";
    const retryInMs = backoffMs(failures, isRefused, random());
    onConnection?.({ state: "disconnected", retryInMs, ...failure });
    await pause(retryInMs, timers, signal);
  }
}

/**
 * Tells the caller what one connection brings.
 *
 * @returns why it ended, and how long it lasted from its first message on. @throws what a callback throws.
 */
async function follow(
  connect: () => MetadataClient,
  options: WatchMetadataOptions,
  timers: Timers,
  isNews: (message: GetMetadataResponse) => boolean,
  through: () => void,
): Promise<{ readonly ended: unknown; readonly lastedMs: number }> {
  const { signal, onState, onMessage, onConnection } = options;
  const messages = messagesOf(connect, options, timers);
  let firstMs: number | undefined;
  try {
    for (;;) {
      const { done, value } = await messages.next();
      if (done) {
        return { ended: value, lastedMs: firstMs === undefined ? 0 : timers.nowMs() - firstMs };
      }
      if (firstMs === undefined) {
        firstMs = timers.nowMs();
        through();
        onConnection?.({ state: "connected" });
      }
      onMessage?.(value);
      if (isNews(value) && !signal.aborted) {
        onState(value);
      }
    }
  } finally {
    through();
    await messages.return(undefined);
  }
}

/** Yields what one stream brings, on a connection of its own, which ends with it. Returns why it ended. */
async function* messagesOf(
  connect: () => MetadataClient,
  options: WatchMetadataOptions,
  timers: Timers,
): AsyncGenerator<GetMetadataResponse, unknown, undefined> {
  const {
    signal,
    heartbeatMs = HEARTBEAT_MS,
    silenceMarginMs = 5_000,
    firstStateTimeoutMs = 15_000,
  } = options;
  const over = new AbortController();
  const unlink = link(signal, over);
  let client: MetadataClient | undefined;
  let silence: ConnectError | undefined;
  const giveUpIn = (limitMs: number): (() => void) =>
    timers.start(limitMs, () => {
      silence = new ConnectError(`nothing was heard for ${limitMs} ms`, Code.DeadlineExceeded);
      over.abort();
    });
  let hadMessage = giveUpIn(firstStateTimeoutMs);
  try {
    client = connect();
    const stream = client.watchMetadata(requestOf(options), { signal: over.signal, timeoutMs: 0 });
    for await (const { metadata } of stream) {
      hadMessage();
      if (over.signal.aborted) {
        return silence ?? signal.reason;
      }
      if (metadata?.meta === undefined) {
        return badAnswer("the message has no state");
      }
      yield metadata;
      hadMessage = giveUpIn(heartbeatMs + silenceMarginMs);
    }
    return new ConnectError("the server ended the stream", Code.Unavailable);
  } catch (error) {
    return silence ?? error;
  } finally {
    hadMessage();
    unlink();
    over.abort();
    client?.close();
  }
}

function requestOf({ keys = [], view = 0, heartbeatMs = HEARTBEAT_MS }: WatchRequest) {
  return { keys: [...keys], view, heartbeatInterval: durationFromMs(heartbeatMs) };
}

/**
 * Tells states that say something new from heartbeats and from the first message of a new connection. Revisions are of
 * the whole server: with `keys`, a new one may come with nothing new in it.
 */
function createNewsFilter(): (message: GetMetadataResponse) => boolean {
  let last: GetMetadataResponse | undefined;
  return (message) => {
    const before = last;
    last = message;
    if (before === undefined) {
      return true;
    }
    return before.meta?.revision !== message.meta?.revision && !showsTheSame(before, message);
  };
}

/** Whether all but ages and times is equal. */
function showsTheSame(a: GetMetadataResponse, b: GetMetadataResponse): boolean {
  return (
    sameRecords(a.data, b.data, (one, other) => equals(MetadataEntrySchema, one, other)) &&
    sameRecords(
      a.sources,
      b.sources,
      (one, other) => one.state === other.state && one.reason === other.reason,
    ) &&
    (a.workspace === undefined || b.workspace === undefined
      ? a.workspace === b.workspace
      : equals(WorkspaceMetadataSchema, a.workspace, b.workspace)) &&
    a.unknownKeys.join("\n") === b.unknownKeys.join("\n")
  );
}

function sameRecords<T>(
  a: Readonly<Record<string, T>>,
  b: Readonly<Record<string, T>>,
  same: (one: T, other: T) => boolean,
): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => {
      const [one, other] = [a[name], b[name]];
      return one !== undefined && other !== undefined && same(one, other);
    })
  );
}
