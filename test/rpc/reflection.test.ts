// Server reflection on a whole server, asked by clients of three authors that have no schema of ours at hand.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../src/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createCertificate } from "../helpers/certificate.ts";
import { runCommand } from "../helpers/command.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { temporaryDirectory } from "../helpers/repository.ts";
import { startServer, useServer } from "../helpers/server.ts";

const SERVICES = [
  "fleet.metadata.v1.MetadataService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
const server = useServer(() => ({ collectors: [git.scheduled()] }));
const guarded = useServer(() => ({ collectors: [git.scheduled()], flags: { token: "s3cret" } }));

const VERSIONS = { v1: ServerReflection, v1alpha: ServerReflectionV1Alpha };

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;
type Answer = ServerReflectionResponse["messageResponse"];

/** Asks all questions on one stream. The versions differ in the names of their messages alone. */
async function ask(version: keyof typeof VERSIONS, ...questions: Question[]): Promise<Answer[]> {
  const transport = createGrpcTransport({ baseUrl: server().url });
  async function* requests() {
    for (const messageRequest of questions) {
      yield { host: "a host", messageRequest };
    }
  }
  const client = createClient(VERSIONS[version] as typeof ServerReflection, transport);
  const answers: Answer[] = [];
  for await (const { messageResponse, validHost, originalRequest } of client.serverReflectionInfo(
    requests(),
  )) {
    expect(validHost).toBe("a host");
    expect(originalRequest?.messageRequest.case).toBe(questions[answers.length]?.case);
    answers.push(messageResponse);
  }
  return answers;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

/** Names of the files in an answer, in order. */
function files(answer: Answer | undefined): string[] {
  if (answer?.case !== "fileDescriptorResponse") {
    throw new Error(`not files: ${JSON.stringify(answer)}`);
  }
  return answer.value.fileDescriptorProto.map((bytes) => decodeFile(bytes).name);
}

function decodeFile(bytes: Uint8Array): FileDescriptorProto {
  return fromBinary(FileDescriptorProtoSchema, bytes);
}

/** In the order in which a registry takes them. */
function importedFirst(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const sorted = new Set<FileDescriptorProto>();
  while (sorted.size < files.length) {
    const names = [...sorted].map(({ name }) => name);
    const next = files.find(
      (file) => !sorted.has(file) && file.dependency.every((one) => names.includes(one)),
    );
    if (next === undefined) {
      throw new Error("an import is missing");
    }
    sorted.add(next);
  }
  return [...sorted];
}

const METADATA_FILE = "fleet/metadata/v1/service.proto";

describe.each(["v1", "v1alpha"] as const)("%s", (version) => {
  test("lists the services", async () => {
    const [answer] = await ask(version, { case: "listServices", value: "*" });
    expect(answer?.case === "listServicesResponse" && answer.value.service.map(({ name }) => name)).toEqual(
      SERVICES,
    );
  });

  test("sends a file with all that it imports, from which the whole schema can be built", async () => {
    const [answer] = await ask(version, { case: "fileByFilename", value: METADATA_FILE });
    const names = files(answer);
    expect(names[0]).toBe(METADATA_FILE);
    expect(names).toEqual(
      expect.arrayContaining([
        "fleet/metadata/v1/options.proto",
        "fleet/metadata/v1/github.proto",
        "google/protobuf/descriptor.proto",
        "google/protobuf/struct.proto",
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
    const bytes = answer?.case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
    const registry = createFileRegistry(
      create(FileDescriptorSetSchema, { file: importedFirst(bytes.map(decodeFile)) }),
    );
    expect(
      registry.getService("fleet.metadata.v1.MetadataService")?.method["watchMetadata"]?.methodKind,
    ).toBe("server_streaming");
    expect(registry.getExtension("fleet.metadata.v1.key")).toBeDefined();
  });

  test.each([
    ["a service", "fleet.metadata.v1.MetadataService", METADATA_FILE],
    ["a method", "fleet.metadata.v1.MetadataService.GetMetadata", METADATA_FILE],
    ["a message", "fleet.metadata.v1.Git", "fleet/metadata/v1/git.proto"],
    ["a field", "fleet.metadata.v1.Git.branch", "fleet/metadata/v1/git.proto"],
    ["an enum", "fleet.metadata.v1.GitStatus", "fleet/metadata/v1/git.proto"],
    ["a value of an enum", "fleet.metadata.v1.GIT_STATUS_CLEAN", "fleet/metadata/v1/git.proto"],
    ["a map's entry", "fleet.metadata.v1.GetMetadataResponse.DataEntry", METADATA_FILE],
    ["an extension", "fleet.metadata.v1.key", "fleet/metadata/v1/options.proto"],
    ["a oneof", "google.protobuf.Value.kind", "google/protobuf/struct.proto"],
    ["a field of a oneof", "google.protobuf.Value.null_value", "google/protobuf/struct.proto"],
    ["a nested enum's value", "grpc.health.v1.HealthCheckResponse.SERVING", "health/v1/health.proto"],
    ["a message of reflection", "grpc.reflection.v1.ErrorResponse", "grpc/reflection/v1/reflection.proto"],
  ])("finds the file with %s", async (_, symbol, file) => {
    const [answer] = await ask(version, { case: "fileContainingSymbol", value: symbol });
    expect(files(answer)[0]).toBe(file);
  });

  test("finds extensions and their numbers", async () => {
    const containingType = "google.protobuf.FieldOptions";
    const [numbers, none, file] = await ask(
      version,
      { case: "allExtensionNumbersOfType", value: containingType },
      { case: "allExtensionNumbersOfType", value: "fleet.metadata.v1.Git" },
      { case: "fileContainingExtension", value: { containingType, extensionNumber: 50_000 } },
    );
    expect(numbers).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: containingType, extensionNumber: expect.arrayContaining([50_000]) },
    });
    expect(none).toMatchObject({ value: { baseTypeName: "fleet.metadata.v1.Git", extensionNumber: [] } });
    expect(files(file)[0]).toBe("fleet/metadata/v1/options.proto");
  });

  test("answers what is not there with NOT_FOUND, what it does not understand with INVALID_ARGUMENT, and goes on", async () => {
    const containingType = "fleet.metadata.v1.Git";
    const answers = await ask(
      version,
      { case: "fileByFilename", value: "no/such.proto" },
      { case: "fileByFilename", value: "" },
      { case: "fileContainingSymbol", value: "no.such.Symbol" },
      { case: "fileContainingSymbol", value: "fleet.metadata.v1" },
      { case: "fileContainingExtension", value: { containingType, extensionNumber: 7 } },
      { case: "allExtensionNumbersOfType", value: "no.such.Message" },
      { case: "allExtensionNumbersOfType", value: "fleet.metadata.v1.GitStatus" },
      { case: undefined },
      { case: "listServices", value: "" },
    );
    const codes = answers.map((answer) =>
      answer.case === "errorResponse" ? answer.value.errorCode : answer.case,
    );
    expect(codes).toEqual([
      ...Array.from({ length: 7 }, () => Code.NotFound),
      Code.InvalidArgument,
      "listServicesResponse",
    ]);
    expect(answers[2]).toMatchObject({ value: { errorMessage: expect.stringContaining("no.such.Symbol") } });
  });

  test("sends an import once a stream, and what is asked for always", async () => {
    const [first, second, third] = await ask(
      version,
      { case: "fileContainingSymbol", value: "fleet.metadata.v1.Git" },
      { case: "fileContainingSymbol", value: "fleet.metadata.v1.GitHub" },
      { case: "fileContainingSymbol", value: "fleet.metadata.v1.Git" },
    );
    expect(files(first)).toContain("google/protobuf/timestamp.proto");
    expect(files(second)).toEqual(["fleet/metadata/v1/github.proto"]);
    expect(files(third)).toEqual(["fleet/metadata/v1/git.proto"]);
  });
});

const run = promisify(execFile);

/** `buf curl` without any schema: it asks the server. */
async function bufCurl(...args: string[]): Promise<string> {
  const { stdout } = await run("buf", ["curl", "--http2-prior-knowledge", ...args], { timeout: 20_000 });
  return stdout;
}

describe("buf curl, without a schema", () => {
  test.each(["grpc", "grpcweb", "connect"])("lists the methods over %s", async (protocol) => {
    const methods = await bufCurl("--protocol", protocol, "--list-methods", server().url);
    expect(methods.trim().split("\n").sort()).toEqual([
      "fleet.metadata.v1.MetadataService/GetMetadata",
      "fleet.metadata.v1.MetadataService/ListKeys",
      "fleet.metadata.v1.MetadataService/WatchMetadata",
      "grpc.health.v1.Health/Check",
      "grpc.health.v1.Health/List",
      "grpc.health.v1.Health/Watch",
      "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ]);
  });

  test.each([
    ["fleet.metadata.v1.MetadataService/GetMetadata", '{"keys":["git_branch"]}', '"git_branch"'],
    ["fleet.metadata.v1.MetadataService/ListKeys", "{}", '"git_branch"'],
    ["grpc.health.v1.Health/Check", "{}", '"SERVING"'],
    ["grpc.health.v1.Health/List", "{}", '"fleet.metadata.v1.MetadataService"'],
    [
      "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      '{"listServices":"*"}',
      '"grpc.health.v1.Health"',
    ],
    [
      "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      '{"listServices":"*"}',
      '"grpc.health.v1.Health"',
    ],
  ])("calls %s", async (method, message, part) => {
    const answer = await bufCurl("--protocol", "grpc", "--data", message, `${server().url}/${method}`);
    expect(answer).toContain(part);
  });
});

describe("buf curl, without a schema, calls the streams", () => {
  test.each([
    ["fleet.metadata.v1.MetadataService/WatchMetadata", '"git_branch"'],
    ["grpc.health.v1.Health/Watch", '"SERVING"'],
  ])("%s", async (method, part) => {
    const enough = new AbortController();
    const args = ["curl", "--http2-prior-knowledge", "--protocol", "grpc", "--data", "{}"];
    const onOutput = (output: Buffer): void => {
      if (output.includes(part)) {
        enough.abort();
      }
    };
    const ended = runCommand(
      "buf",
      [...args, `${server().url}/${method}`],
      undefined,
      onOutput,
      enough.signal,
    );
    await expect(ended).rejects.toMatchObject({ name: "AbortError" });
    expect(enough.signal.aborted).toBe(true);
  });
});

test("it is there over TLS and on a Unix socket too", async () => {
  const certificate = await createCertificate();
  const tls = await startServer({ flags: { tlsCert: certificate.certFile, tlsKey: certificate.keyFile } });
  const socket = join(temporaryDirectory(), "socket");
  await startServer({ flags: { listen: `unix:${socket}` } });
  for (const args of [
    ["--cacert", certificate.certFile, tls.url],
    ["--unix-socket", socket, "http://localhost"],
  ]) {
    expect(await bufCurl("--list-methods", ...args)).toContain("MetadataService/WatchMetadata\n");
  }
});

test("over HTTP/1.1 a stream in both directions cannot be, and says so", async () => {
  const transport = createConnectTransport({ baseUrl: server().url, httpVersion: "1.1" });
  const client = createClient(ServerReflection, transport);
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "" } as const };
  }
  await expect(collect(client.serverReflectionInfo(requests()))).rejects.toThrow(/HTTP\/2|505/i);
});

test("S6: needs the token where there is one", async () => {
  const transport = createGrpcTransport({ baseUrl: guarded().url });
  const client = createClient(ServerReflection, transport);
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "" } as const };
  }
  await expect(collect(client.serverReflectionInfo(requests()))).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
});
