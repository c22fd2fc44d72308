// @grpc/grpc-js, which reads the proto files by itself.

import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { onTestFinished } from "vitest";
import { type Caller, type Endpoint, KEY } from "./caller.ts";

const SERVICE = "fleet.metadata.v1.MetadataService";
const DEADLINE_MS = 20_000;

interface Answer {
  readonly data: Readonly<Record<string, { readonly value: { readonly stringValue?: string } }>>;
}

export const grpcJs: Caller = {
  read: (_, endpoint) => {
    const { path, requestSerialize, responseDeserialize } = methodOf("GetMetadata");
    return new Promise((resolve, reject) => {
      open(endpoint).makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { keys: [KEY] },
        { deadline: Date.now() + DEADLINE_MS },
        (error: ServiceError | null, answer?: unknown) =>
          error ? reject(error) : resolve(branchOf(answer as Answer)),
      );
    });
  },
  watch: (_, endpoint, onBranch, signal) => {
    const { path, requestSerialize, responseDeserialize } = methodOf("WatchMetadata");
    const request = { keys: [KEY] };
    const stream = open(endpoint).makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
    signal.addEventListener("abort", () => stream.cancel());
    stream.on("data", ({ metadata }: { readonly metadata: Answer }) => onBranch(branchOf(metadata)));
    return new Promise((resolve, reject) => {
      stream.once("error", reject);
      stream.once("end", resolve);
    });
  },
};

function branchOf({ data }: Answer): unknown {
  return data[KEY]?.value.stringValue;
}

function methodOf(name: string) {
  const service = loadSync("fleet/metadata/v1/service.proto", { includeDirs: ["proto"], keepCase: true })[
    SERVICE
  ];
  const method = service && !("format" in service) ? service[name] : undefined;
  if (method === undefined) {
    throw new Error(`no method ${name}`);
  }
  return method;
}

function open({ url, socketPath, certificate }: Endpoint): Client {
  const target = socketPath === undefined ? new URL(url).host : `unix:${socketPath}`;
  const trust =
    certificate === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(Buffer.from(certificate.cert));
  const client = new Client(target, trust);
  onTestFinished(() => client.close());
  return client;
}
