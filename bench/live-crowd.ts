// Many watch streams at once. They are read without decoding, so that the reader costs next to nothing.

import { once } from "node:events";
import { Agent, request } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Readable } from "node:stream";

/** What became of one message that all streams were to get. */
export interface Arrival {
  /** When the first stream had it, and the last one. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Streams that did not get it in time. */
  readonly missing: number;
}

/** Streams that are open. */
export interface Crowd {
  /** Waits until every stream has got a message with this text in it. Begin to wait before the change is made. */
  got(text: string): Promise<Arrival>;
  close(): Promise<void>;
}

/** What did not arrive within this time has failed, in milliseconds. */
const DEADLINE_MS = 60_000;

const PATH = "/fleet.metadata.v1.MetadataService/WatchMetadata";

/** Flags and length stand before each message. */
const PREFIX_BYTES = 5;

/** A request with nothing in it. */
const REQUEST = Buffer.alloc(PREFIX_BYTES);

/** A crowd, and when its streams had their first message. */
export interface Opened {
  readonly crowd: Crowd;
  readonly opened: Arrival;
}

/** Opens streams of gRPC on each of several connections. */
export async function openCrowd(url: string, connections: number, streams: number): Promise<Opened> {
  const reception = createReception(connections * streams);
  const sessions = Array.from({ length: connections }, () => connect(url));
  const crowd = { got: reception.got, close: () => close(sessions) };
  try {
    for (const session of sessions) {
      session.on("error", (error) => console.error(error));
    }
    await Promise.all(sessions.map((session) => once(session, "remoteSettings")));
    const first = reception.got("");
    for (const [index, session] of sessions.entries()) {
      for (let stream = 0; stream < streams; stream += 1) {
        openStream(session, (message) => reception.receive(index * streams + stream, message));
      }
    }
    return { crowd, opened: await first };
  } catch (error) {
    await crowd.close();
    throw error;
  }
}

/** Opens streams of Connect, each on an HTTP/1.1 connection of its own, as our client for Node does. */
export async function openHttp1Crowd(url: string, streams: number): Promise<Opened> {
  const reception = createReception(streams);
  const agent = new Agent({ keepAlive: true });
  const first = reception.got("");
  for (let stream = 0; stream < streams; stream += 1) {
    const call = request(
      `${url}${PATH}`,
      { agent, method: "POST", headers: { "content-type": "application/connect+proto" } },
      (answer) => readMessages(answer, (message) => reception.receive(stream, message)),
    );
    call.on("error", () => undefined);
    call.end(REQUEST);
  }
  const crowd = { got: reception.got, close: async () => agent.destroy() };
  return { crowd, opened: await first };
}

function openStream(session: ClientHttp2Session, onMessage: (message: Buffer) => void): void {
  const stream = session.request({
    ":method": "POST",
    ":path": PATH,
    "content-type": "application/grpc",
    te: "trailers",
  });
  readMessages(stream, onMessage);
  stream.end(REQUEST);
}

function readMessages(answer: Readable, onMessage: (message: Buffer) => void): void {
  // A stream that ends gets no further message, and that is what counts.
  answer.on("error", () => undefined);
  let rest: Buffer = Buffer.alloc(0);
  answer.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) {
        break;
      }
      onMessage(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
  });
}

function createReception(count: number) {
  let waiting: { readonly text: string; receive(index: number): void } | undefined;
  return {
    receive(index: number, message: Buffer): void {
      if (waiting !== undefined && message.includes(waiting.text)) {
        waiting.receive(index);
      }
    },
    async got(text: string): Promise<Arrival> {
      const { promise, resolve } = Promise.withResolvers<void>();
      const have = new Set<number>();
      let firstMs = Number.NaN;
      let lastMs = Number.NaN;
      waiting = {
        text,
        receive(index) {
          if (have.has(index)) {
            return;
          }
          have.add(index);
          lastMs = performance.now();
          if (have.size === 1) {
            firstMs = lastMs;
          }
          if (have.size === count) {
            resolve();
          }
        },
      };
      const timer = setTimeout(resolve, DEADLINE_MS);
      await promise;
      clearTimeout(timer);
      waiting = undefined;
      return { firstMs, lastMs, missing: count - have.size };
    },
  };
}

async function close(sessions: readonly ClientHttp2Session[]): Promise<void> {
  await Promise.all(
    sessions.map(async (session) => {
      if (!session.closed) {
        const closed = once(session, "close");
        session.destroy();
        await closed;
      }
    }),
  );
}
