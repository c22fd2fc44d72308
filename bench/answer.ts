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

const agent = new Agent({ keepAlive: true });

/** The body of `GET /metadata`. */
export async function readBody(url: string): Promise<Buffer> {
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
export async function readAnswer(url: string): Promise<GetMetadataResponse> {
  return fromJsonString(GetMetadataResponseSchema, (await readBody(url)).toString());
}

/** Reads until the git source is fresh. */
export async function readUntilFresh(url: string): Promise<void> {
  for (const startedMs = performance.now(); performance.now() - startedMs < 60_000; ) {
    const { sources } = await readAnswer(url);
    if (sources["git"]?.state === SourceState.FRESH) {
      return;
    }
  }
  throw new Error("the git source did not become fresh");
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
