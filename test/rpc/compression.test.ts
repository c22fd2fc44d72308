// Compression as clients ask for it: of what they get, and of what they send.

import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { Client, credentials } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { MetadataService } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { LARGE_BRANCH, largeAnswer } from "../helpers/large-answer.ts";
import { useServer } from "../helpers/server.ts";

const server = useServer(() => ({ collectors: [largeAnswer().scheduled()] }));
const small = useServer(() => ({
  collectors: [new ControlledCollector("git", data({ git: { branch: "main" } })).scheduled()],
}));

const ALGORITHMS = { gzip: compressionGzip, br: compressionBrotli };

/** One algorithm, both ways, and an interceptor. */
type Options = Pick<
  Parameters<typeof createGrpcTransport>[0],
  "baseUrl" | "acceptCompression" | "sendCompression" | "compressMinBytes" | "interceptors"
>;

const TRANSPORTS: Readonly<Record<string, (options: Options) => Transport>> = {
  "gRPC, HTTP/2": (options) => createGrpcTransport(options),
  "gRPC-web, HTTP/1.1": (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  "gRPC-web, HTTP/2": (options) => createGrpcWebTransport({ ...options, httpVersion: "2" }),
  "Connect, HTTP/1.1": (options) => createConnectTransport({ ...options, httpVersion: "1.1" }),
  "Connect, HTTP/2": (options) => createConnectTransport({ ...options, httpVersion: "2" }),
  "Connect GET, HTTP/1.1": (options) =>
    createConnectTransport({ ...options, httpVersion: "1.1", useHttpGet: true }),
};

describe.each(Object.keys(TRANSPORTS))("%s", (name) => {
  test.each(["gzip", "br"] as const)("%s, of the answer, the stream and the request", async (algorithm) => {
    const encodings: unknown[] = [];
    const note: Interceptor = (next) => async (request) => {
      const response = await next(request);
      const names = ["grpc-encoding", "connect-content-encoding", "content-encoding"];
      encodings.push(names.map((header) => response.header.get(header)).find((value) => value !== null));
      return response;
    };
    const options: Options = {
      baseUrl: server().url,
      acceptCompression: [ALGORITHMS[algorithm]],
      sendCompression: ALGORITHMS[algorithm],
      compressMinBytes: 1,
      interceptors: [note],
    };
    const client = createClient(MetadataService, TRANSPORTS[name]?.(options) ?? createGrpcTransport(options));
    const { data: entries } = await client.getMetadata({ keys: ["git_*"] });
    expect(entries["git_branch"]?.value?.kind.value).toBe(LARGE_BRANCH);
    for await (const { metadata } of client.watchMetadata({ keys: ["git_*"] })) {
      expect(metadata?.data["git_branch"]?.value?.kind.value).toBe(LARGE_BRANCH);
      break;
    }
    expect(encodings).toEqual([algorithm, algorithm]);
  });
});

const PATH = `/${MetadataService.typeName}/GetMetadata`;

test("grpc-js asks for gzip, and gets it", async () => {
  const client = new Client(`127.0.0.1:${server().port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  // It tells nobody what came over the wire; Node does.
  const encodings: unknown[] = [];
  const note = (message: unknown): void => {
    encodings.push((message as { headers: IncomingHttpHeaders }).headers["grpc-encoding"]);
  };
  subscribe("http2.server.stream.finish", note);
  onTestFinished(() => void unsubscribe("http2.server.stream.finish", note));
  const echo = (bytes: Buffer): Buffer => bytes;
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    client.makeUnaryRequest(PATH, echo, echo, Buffer.alloc(0), (error, bytes) =>
      error ? reject(error) : resolve(bytes),
    );
  });
  expect(answer?.toString("latin1")).toContain(LARGE_BRANCH);
  expect(encodings).toContain("gzip");
});

test.each(["connect", "grpc", "grpcweb"])(
  "buf curl over %s reads what is compressed for it",
  async (protocol) => {
    const args = ["curl", "--schema", "proto", "--protocol", protocol, "--verbose", "--data", "{}"];
    const { stdout, stderr } = await promisify(execFile)(
      "buf",
      [...args, ...(protocol === "grpc" ? ["--http2-prior-knowledge"] : []), `${server().url}${PATH}`],
      { timeout: 20_000 },
    );
    expect(stdout).toContain(LARGE_BRANCH);
    expect(stderr).toMatch(/< \(#1\) (grpc|content)-encoding: gzip/i);
  },
);

test("what fits in one flight of TCP is not compressed", async () => {
  const sizes = new Set<string | null>();
  for (const encoding of ["gzip", "br", "identity"]) {
    const headers = { "content-type": "application/json", "accept-encoding": encoding };
    const response = await fetch(`${small().url}${PATH}`, { method: "POST", headers, body: "{}" });
    expect(response.headers.get("content-encoding")).toBeNull();
    sizes.add(response.headers.get("content-length"));
  }
  expect(sizes).not.toContain(null);
});
