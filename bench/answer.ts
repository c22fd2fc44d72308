// One answer of our server, for the benchmark itself: what it says, and its bytes for the bare servers.

import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { fromJsonString } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { SourceState } from "../src/gen/fleet/metadata/v1/envelope_pb.ts";
import {
  type GetMetadataResponse,
  GetMetadataResponseSchema,
} from "../src/gen/fleet/metadata/v1/service_pb.ts";

const keptOpen = new Agent({ keepAlive: true });

/** The body of `GET /metadata`. */
export async function readBody(url: string, agent = keptOpen): Promise<Buffer> {
  const request = get(`${url}/metadata`, { agent });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = await response.toArray();
  const body = Buffer.concat(chunks);
  if (response.statusCode !== 200) {
    throw new Error(`status ${response.statusCode}: ${body.toString()}`);
  }
  return body;
}

/** The answer to `GET /metadata`. */
export async function readAnswer(url: string, agent?: Agent): Promise<GetMetadataResponse> {
  return fromJsonString(GetMetadataResponseSchema, (await readBody(url, agent)).toString());
}

/** Reads until the git source is fresh, and leaves no connection behind: a server looks after those that are idle for a minute. */
export async function readUntilFresh(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (const startedMs = performance.now(); performance.now() - startedMs < 60_000; ) {
      const { sources } = await readAnswer(url, agent);
      if (sources["git"]?.state === SourceState.FRESH) {
        return;
      }
    }
    throw new Error("the git source did not become fresh");
  } finally {
    agent.destroy();
  }
}

/** The bytes of the message that `GetMetadata` answers with over gRPC. */
export function readMessage(url: string): Promise<Buffer> {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  const asBytes = (bytes: Buffer): Buffer => bytes;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  client.makeUnaryRequest(
    "/fleet.metadata.v1.MetadataService/GetMetadata",
    asBytes,
    asBytes,
    Buffer.alloc(0),
    (error, message) => (message === undefined ? reject(error) : resolve(message)),
  );
  return promise.finally(() => client.close());
}
