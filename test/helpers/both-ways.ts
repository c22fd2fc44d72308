// RPCs whose answers come from the quick way alone, or as the server gives them: for comparing the two.

import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { type ClientHttp2Session, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";
import { createWriter, isBroken } from "../../src/http/outflow.ts";
import { Lifecycle } from "../../src/metadata/lifecycle.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import { compressionBrotli, compressionGzip } from "../../src/rpc/compression.ts";
import { createAnswerEncoder } from "../../src/rpc/encoded-answers.ts";
import { createRpcHandler, type RpcHandler } from "../../src/rpc/handler.ts";
import type { AnswerPlainCall } from "../../src/rpc/plain-call.ts";
import { plainProtocol, type Request, type Response } from "../../src/rpc/plain-protocols.ts";
import type { QuickWatchOptions } from "../../src/rpc/quick-watch.ts";
import { ControlledCollector, data } from "./controlled-collector.ts";
import { openSession } from "./http2-client.ts";
import { ManualTime } from "./manual-time.ts";
import { countSubscribers } from "./subscribers.ts";

/** "quick": the quick way alone. Otherwise as the server does it. */
export type Way = "quick" | "server";

/** What the quick way leaves alone is answered with this status. */
export const LEFT = 421;

/** A timeout of gRPC that the quick way leaves to the library. */
export const BY_LIBRARY = { "grpc-timeout": "30000000u" };

/** Which way a request goes, by its header `x-way`. */
export const wayOf = (way: Way): Record<string, string> => ({ "x-way": way });

export interface BothWays {
  /** Over HTTP/2. */
  readonly session: ClientHttp2Session;
  /** Where the same is served over HTTP/1.1. */
  readonly http1Url: string;
  readonly service: MetadataService;
  readonly collector: ControlledCollector;
  readonly rpc: RpcHandler;
  /** Ends the calls of the quick way with its reason. */
  readonly shutdown: AbortController;
  /** How the server's calls have ended. */
  readonly codes: string[];
  /** How those of the quick way have. */
  readonly quickCodes: string[];
  /** How many are told of changes. */
  subscribers(): number;
}

/** A server of both ways on one service, whose time stands still. */
export async function openBothWays(
  createQuick: (options: QuickWatchOptions) => AnswerPlainCall,
  found = data({ git: { branch: "main", ahead: 0, detached: false } }),
): Promise<BothWays> {
  const time = new ManualTime();
  const collector = new ControlledCollector("git", found);
  const service = new MetadataService({ collectors: [collector.scheduled()], clock: time, timers: time });
  const defects: unknown[] = [];
  const codes: string[] = [];
  const quickCodes: string[] = [];
  const onError = (error: unknown): void => void defects.push(error);
  const options = { service, clock: time, serverVersion: "1.2.3", onError };
  const rpc = createRpcHandler({ ...options, lifecycle: new Lifecycle() });
  const shutdown = new AbortController();
  const quick = createQuick({
    ...options,
    encodeAnswer: createAnswerEncoder(options),
    acceptCompression: [compressionGzip, compressionBrotli],
    shutdown: shutdown.signal,
  });
  const serve = (request: Request, response: Response): void => {
    const write = createWriter(response, 30_000);
    if (request.headers["x-way"] === "quick") {
      const protocol = plainProtocol(request);
      const answered = protocol && quick({ protocol, request, response, write, cause: undefined });
      Promise.resolve(answered).then(
        (ended) => {
          if (typeof ended === "string") {
            quickCodes.push(ended);
          } else {
            response.statusCode = LEFT;
            response.end();
          }
        },
        () => quickCodes.push("broken"),
      );
    } else {
      rpc.handle(request, response, write).then(
        (code) => codes.push(code),
        // A caller may go whenever it likes.
        (error: unknown) => (isBroken(response) ? codes.push("broken") : onError(error)),
      );
    }
  };
  const server = createHttp2Server(serve);
  const http1Server = createHttp1Server(serve);
  const subscribers = countSubscribers({ service });
  service.start();
  await service.read({ selection: selectKeys(service.catalogue) });
  for (const one of [server, http1Server]) {
    one.listen(0, "127.0.0.1");
    await once(one, "listening");
  }
  onTestFinished(async () => {
    server.close();
    http1Server.close();
    http1Server.closeAllConnections();
    await service.close();
    expect(defects).toEqual([]);
  });
  const urlOf = (one: { address(): unknown }): string =>
    `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
  const session = await openSession(urlOf(server));
  return {
    session,
    http1Url: urlOf(http1Server),
    service,
    collector,
    rpc,
    shutdown,
    codes,
    quickCodes,
    subscribers,
  };
}

/** A message as gRPC frames it. */
export function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
