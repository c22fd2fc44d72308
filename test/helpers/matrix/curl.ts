// `curl`, with what the protocols put on the wire made and read here: by hand, every protocol is HTTP.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type GetMetadataResponse,
  GetMetadataResponseSchema,
  WatchMetadataRequestSchema,
  WatchMetadataResponseSchema,
} from "../../../src/gen/fleet/metadata/v1/service_pb.ts";
import { runCommand } from "../command.ts";
import { type Caller, type Endpoint, KEY } from "./caller.ts";
import type { Protocol } from "./combinations.ts";

const SERVICE = "/fleet.metadata.v1.MetadataService";
const JSON_REQUEST = Buffer.from(JSON.stringify({ keys: [KEY] }));
/** The same bytes for GetMetadata. */
const BINARY_REQUEST = toBinary(
  WatchMetadataRequestSchema,
  create(WatchMetadataRequestSchema, { keys: [KEY] }),
);

/** How a call is made, and how its messages are found in what has come so far. */
interface Call {
  readonly path: string;
  /** Absent for GET. */
  readonly post?: { readonly type: string; readonly body: Uint8Array };
  readonly branches: (output: Buffer) => unknown[];
}

export const curl: Caller = {
  read: async (protocol, endpoint) => {
    const call = READS[protocol];
    const [branch] = call.branches(await run(call, endpoint));
    return branch;
  },
  watch: async (protocol, endpoint, onBranch, signal) => {
    const call = WATCHES[protocol];
    let told = 0;
    const onOutput = (output: Buffer): void => {
      for (const branch of call.branches(output).slice(told)) {
        told += 1;
        onBranch(branch);
      }
    };
    await run(call, endpoint, onOutput, signal);
  },
};

const query = `encoding=json&message=${encodeURIComponent(JSON_REQUEST.toString())}`;

const READS: Readonly<Record<Protocol, Call>> = {
  gRPC: rpc("GetMetadata", "application/grpc", readBinary),
  "gRPC-web": rpc("GetMetadata", "application/grpc-web+proto", readBinary),
  "Connect POST": {
    path: `${SERVICE}/GetMetadata`,
    post: { type: "application/json", body: JSON_REQUEST },
    branches: (output) => [branchOfJson(output)],
  },
  "Connect GET": {
    path: `${SERVICE}/GetMetadata?${query}`,
    branches: (output) => [branchOfJson(output)],
  },
  "plain JSON": {
    path: `/metadata?keys=${KEY}`,
    branches: (output) => [branchOfJson(output)],
  },
};

const WATCHES: Readonly<Record<Protocol, Call>> = {
  ...READS,
  gRPC: rpc("WatchMetadata", "application/grpc", watchedBinary),
  "gRPC-web": rpc("WatchMetadata", "application/grpc-web+proto", watchedBinary),
  "Connect POST": {
    path: `${SERVICE}/WatchMetadata`,
    post: { type: "application/connect+json", body: frame(JSON_REQUEST) },
    branches: (output) =>
      messagesOf(output).map((message) => {
        const { metadata } = JSON.parse(Buffer.from(message).toString()) as { metadata: object };
        return branchOfJson(Buffer.from(JSON.stringify(metadata)));
      }),
  },
  "plain JSON": {
    path: `/metadata/events?keys=${KEY}`,
    branches: (output) =>
      [...output.toString().matchAll(/^data: (.*)\n\n/gm)].map(([, text = ""]) =>
        branchOfJson(Buffer.from(text)),
      ),
  },
};

function rpc(method: string, type: string, decode: (message: Uint8Array) => unknown): Call {
  return {
    path: `${SERVICE}/${method}`,
    post: { type, body: frame(BINARY_REQUEST) },
    branches: (output) => messagesOf(output).map(decode),
  };
}

function run(
  { path, post }: Call,
  { version, url, socketPath, certificate }: Endpoint,
  onOutput?: (output: Buffer) => void,
  signal?: AbortSignal,
): Promise<Buffer> {
  const http2 = certificate === undefined ? "--http2-prior-knowledge" : "--http2";
  const args = [
    ["--silent", "--show-error", "--no-buffer", "--fail", version === "2" ? http2 : "--http1.1"],
    socketPath === undefined ? [] : ["--unix-socket", socketPath],
    certificate === undefined ? [] : ["--cacert", certificate.certFile],
    post ? ["--header", `content-type: ${post.type}`, "--header", "te: trailers"] : [],
    post ? ["--data-binary", "@-"] : [],
    [`${url}${path}`],
  ];
  return runCommand("curl", args.flat(), post?.body, onOutput, signal);
}

/** A message as gRPC, gRPC-web and the streams of Connect have it: flags, its length, its bytes. */
function frame(message: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The whole messages of a stream. What has flags is no message, but its end. */
function messagesOf(output: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let start = 0;
  while (start + 5 <= output.length) {
    const end = start + 5 + output.readUInt32BE(start + 1);
    if (end <= output.length && output[start] === 0) {
      messages.push(output.subarray(start + 5, end));
    }
    start = end;
  }
  return messages;
}

function readBinary(message: Uint8Array): unknown {
  return branchOf(fromBinary(GetMetadataResponseSchema, message));
}

function watchedBinary(message: Uint8Array): unknown {
  return branchOf(fromBinary(WatchMetadataResponseSchema, message).metadata);
}

function branchOf(answer: GetMetadataResponse | undefined): unknown {
  return answer?.data[KEY]?.value?.kind.value;
}

function branchOfJson(text: Buffer): unknown {
  const { data } = JSON.parse(text.toString()) as { data: Record<string, { value: unknown }> };
  return data[KEY]?.value;
}
