// Reads from one server with a number of clients, as fast as it answers, and measures every read. Takes orders from its
// parent and reports to it.

import { Agent, get } from "node:http";
import { Client, credentials } from "@grpc/grpc-js";

/** What to do. Only one order at a time. */
export interface LoadOrder {
  readonly protocol: "http" | "grpc";
  /** Address of the server: "http://host:port". */
  readonly url: string;
  /** Clients that each have one read open at any time. */
  readonly clients: number;
  /** Reads that begin in this time from the start are made, but not measured, in milliseconds. */
  readonly warmUpMs: number;
  /**
   * After this time, the warm-up included, no read begins, in milliseconds; but each client makes at least one that is measured.
   */
  readonly durationMs: number;
}

/** What came of it. */
export interface LoadReport {
  /** Milliseconds of each measured read that succeeded. */
  readonly latenciesMs: readonly number[];
  /** From the end of the warm-up to the end of the last read, in milliseconds. */
  readonly elapsedMs: number;
  /** All reads that succeeded, those of the warm-up included. */
  readonly reads: number;
  /** Answers that say of a source that it is stale or failed. Of gRPC reads it is not known: 0. */
  readonly impaired: number;
  readonly errors: number;
  readonly firstError: string | undefined;
}

/** One way to read once. Resolves to whether the answer says of a source that it is stale or failed. */
interface Reader {
  read(client: number): Promise<boolean>;
  close(): void;
}

/** A read that takes longer has failed, in milliseconds. */
const READ_TIMEOUT_MS = 30_000;
/** An answer with fewer bytes is none. */
const MIN_ANSWER_BYTES = 1_000;
const GRPC_CHANNELS = 10;
const GET_METADATA = "/fleet.metadata.v1.MetadataService/GetMetadata";

let stopped = false;

process.on("message", (order: LoadOrder | "stop") => {
  if (order === "stop") {
    stopped = true;
    return;
  }
  stopped = false;
  void work(order).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit());

async function work({ protocol, url, clients, warmUpMs, durationMs }: LoadOrder): Promise<LoadReport> {
  const reader = protocol === "http" ? createHttpReader(url, clients) : createGrpcReader(url, clients);
  const latenciesMs: number[] = [];
  const begun = performance.now();
  let reads = 0;
  let impaired = 0;
  let errors = 0;
  let firstError: string | undefined;

  const readAll = async (client: number): Promise<void> => {
    let measured = 0;
    for (let now = performance.now(); !stopped; now = performance.now()) {
      if (now - begun >= durationMs && measured > 0) {
        return;
      }
      try {
        impaired += Number(await reader.read(client));
        reads += 1;
        if (now - begun >= warmUpMs) {
          measured += 1;
          latenciesMs.push(performance.now() - now);
        }
      } catch (error) {
        errors += 1;
        measured += 1;
        firstError ??= String(error);
        // A server that refuses must not be asked a million times.
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => readAll(client)));
  const elapsedMs = performance.now() - begun - warmUpMs;
  reader.close();
  return { latenciesMs, elapsedMs, reads, impaired, errors, firstError };
}

/** One kept connection per client. */
function createHttpReader(url: string, clients: number): Reader {
  const agent = new Agent({ keepAlive: true, maxSockets: clients, maxFreeSockets: clients });
  const target = new URL("/metadata", url);
  const options = { agent, host: target.hostname, port: target.port, path: target.pathname };
  const read = (): Promise<boolean> => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const request = get({ ...options, timeout: READ_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const body = Buffer.concat(chunks);
        if (response.statusCode !== 200 || body.length < MIN_ANSWER_BYTES) {
          reject(new Error(`status ${response.statusCode}, ${body.length} bytes`));
        } else {
          resolve(body.includes('"SOURCE_STATE_STALE"') || body.includes('"SOURCE_STATE_FAILED"'));
        }
      });
    });
    request.once("error", reject);
    request.once("timeout", () => request.destroy(new Error("no answer in time")));
    return promise;
  };
  return { read, close: () => agent.destroy() };
}

/** One kept connection per client, but no more than ten: then clients share them. */
function createGrpcReader(url: string, clients: number): Reader {
  const channels = Array.from(
    { length: Math.min(clients, GRPC_CHANNELS) },
    () =>
      new Client(new URL(url).host, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.keepalive_time_ms": 30_000,
      }),
  );
  const request = Buffer.alloc(0);
  const asBytes = (bytes: Buffer): Buffer => bytes;
  const read = (client: number): Promise<boolean> => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const options = { deadline: Date.now() + READ_TIMEOUT_MS };
    channels[client % channels.length]?.makeUnaryRequest(
      GET_METADATA,
      asBytes,
      asBytes,
      request,
      options,
      (error, answer) => {
        if (error || answer === undefined || answer.length < MIN_ANSWER_BYTES) {
          reject(error ?? new Error(`${answer?.length} bytes`));
        } else {
          resolve(false);
        }
      },
    );
    return promise;
  };
  return {
    read,
    close: () => {
      for (const channel of channels) {
        channel.close();
      }
    },
  };
}
