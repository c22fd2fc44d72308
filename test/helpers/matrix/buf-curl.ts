// `buf curl`, with the proto files as its schema: without them it asks the server, over HTTP/2 always.

import { runCommand } from "../command.ts";
import { type Caller, type Endpoint, KEY, unexpected } from "./caller.ts";
import type { Protocol } from "./combinations.ts";

interface Answer {
  readonly data: Readonly<Record<string, { readonly value: unknown }>>;
}

export const bufCurl: Caller = {
  read: async (protocol, endpoint) => {
    const output = await runCommand("buf", argsOf(protocol, endpoint, "GetMetadata"));
    return (JSON.parse(output.toString()) as Answer).data[KEY]?.value;
  },
  watch: async (protocol, endpoint, onBranch, signal) => {
    let told = 0;
    const onOutput = (output: Buffer): void => {
      // One document after the other, over several lines each.
      const documents = output.toString().split(/(?<=^\}\n)/m);
      const whole = documents.filter((document) => document.endsWith("\n}\n"));
      for (const document of whole.slice(told)) {
        told += 1;
        const { metadata } = JSON.parse(document) as { metadata: Answer };
        onBranch(metadata.data[KEY]?.value);
      }
    };
    const args = argsOf(protocol, endpoint, "WatchMetadata");
    await runCommand("buf", args, undefined, onOutput, signal);
  },
};

function argsOf(protocol: Protocol, endpoint: Endpoint, method: string): string[] {
  const { version, url, socketPath, certificate } = endpoint;
  const flags = [
    ["--schema", "proto", "--protocol", nameOf(protocol), "--data", JSON.stringify({ keys: [KEY] })],
    version === "2" && certificate === undefined ? ["--http2-prior-knowledge"] : [],
    socketPath === undefined ? [] : ["--unix-socket", socketPath],
    certificate === undefined ? [] : ["--cacert", certificate.certFile],
  ];
  return ["curl", ...flags.flat(), `${url}/fleet.metadata.v1.MetadataService/${method}`];
}

function nameOf(protocol: Protocol): string {
  switch (protocol) {
    case "gRPC":
      return "grpc";
    case "gRPC-web":
      return "grpcweb";
    case "Connect POST":
      return "connect";
    default:
      return unexpected(protocol);
  }
}
