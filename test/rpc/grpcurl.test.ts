// What grpcurl asks, in its order, by another library than ours, with nothing at hand but gRPC's own reflection protos: reflection v1,
// v1alpha where there is no v1, then a call made of what was learned.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import {
  Client,
  credentials,
  loadPackageDefinition,
  type ServiceError,
  status as Status,
} from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { describe, expect, onTestFinished, test } from "vitest";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { useServer } from "../helpers/server.ts";
import { within } from "../helpers/wait.ts";

const SERVICE = "fleet.metadata.v1.MetadataService";
const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
const server = useServer(() => ({ collectors: [git.scheduled()] }));

const PROTOS = "node_modules/@grpc/reflection/build/proto";

interface Response {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Uint8Array[] };
  readonly error_response?: { readonly error_code: number; readonly error_message: string };
}

function methodOf(definition: PackageDefinition, service: string, name: string) {
  const methods = definition[service];
  const method = methods && !("format" in methods) ? methods[name] : undefined;
  if (method === undefined) {
    throw new Error(`no method ${service}/${name}`);
  }
  return method;
}

function open(): Client {
  const client = new Client(`127.0.0.1:${server().port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

/** One stream of reflection: a request, its answer, the next request. */
class Reflection {
  readonly #stream;

  /** @param path of a version; all versions have the same messages but for their names. */
  constructor(client: Client, path: string) {
    const definition = loadSync("grpc/reflection/v1/reflection.proto", {
      includeDirs: [PROTOS],
      keepCase: true,
    });
    const method = methodOf(definition, "grpc.reflection.v1.ServerReflection", "ServerReflectionInfo");
    this.#stream = client.makeBidiStreamRequest(path, method.requestSerialize, method.responseDeserialize);
    onTestFinished(() => this.#stream.cancel());
  }

  ask(request: object): Promise<Response> {
    this.#stream.write(request);
    const answer = new Promise<Response>((resolve, reject) => {
      this.#stream.once("data", resolve);
      this.#stream.once("error", reject);
    });
    return within(20_000, "an answer", answer);
  }

  end(): void {
    this.#stream.on("error", () => undefined);
    this.#stream.cancel();
  }
}

/** The first version that the server has, as its `list_services` shows. */
async function connect(versions: readonly string[]) {
  const client = open();
  const refused: number[] = [];
  for (const version of versions) {
    const reflection = new Reflection(
      client,
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    );
    try {
      const { list_services_response } = await reflection.ask({ list_services: "*" });
      const services = list_services_response?.service.map(({ name }) => name) ?? [];
      return { client, reflection, version, services, refused };
    } catch (error) {
      reflection.end();
      refused.push((error as ServiceError).code);
      if ((error as ServiceError).code !== Status.UNIMPLEMENTED) {
        throw error;
      }
    }
  }
  throw new Error(`none of ${versions.join(", ")}`);
}

/** The file that defines a symbol, with what it imports: what did not come along is asked for by its name. */
async function filesOf(reflection: Reflection, symbol: string): Promise<FileDescriptorProto[]> {
  const files = new Map<string, FileDescriptorProto>();
  const take = ({ file_descriptor_response, error_response }: Response): void => {
    expect(error_response).toBeUndefined();
    for (const bytes of file_descriptor_response?.file_descriptor_proto ?? []) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  };
  take(await reflection.ask({ file_containing_symbol: symbol }));
  for (;;) {
    const missing = [...files.values()]
      .flatMap(({ dependency }) => dependency)
      .find((name) => !files.has(name));
    if (missing === undefined) {
      return [...files.values()];
    }
    take(await reflection.ask({ file_by_filename: missing }));
  }
}

describe.each([
  ["v1 first", ["v1", "v1alpha"], "v1", []],
  ["v1alpha where the newer one is not served", ["v9", "v1alpha"], "v1alpha", [Status.UNIMPLEMENTED]],
])("%s", (_, versions, expected, refusals) => {
  test("lists the services, learns one of them, and calls it", async () => {
    const { client, reflection, version, services, refused } = await connect(versions);
    expect({ version, refused }).toEqual({ version: expected, refused: refusals });
    expect(services).toContain(SERVICE);
    const files = await filesOf(reflection, SERVICE);
    reflection.end();

    const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));
    const learned = loadFileDescriptorSetFromBuffer(Buffer.from(set), { keepCase: true });
    expect(loadPackageDefinition(learned)).toHaveProperty(SERVICE);
    const method = methodOf(learned, SERVICE, "GetMetadata");
    const answer = await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        { keys: ["git_branch"] },
        (error, response) => (error ? reject(error) : resolve(response)),
      );
    });
    // The library makes a list of a map that it knows by descriptors alone.
    const entry = { value: { string_value: "main" }, schema: { type: "string", include_in_list: true } };
    expect(answer).toMatchObject({ data: [{ key: "git_branch", value: entry }] });
  });

  test("a file that is asked for by its name comes, whatever came before it on the stream", async () => {
    const { reflection } = await connect(versions);
    const [first] = await filesOf(reflection, SERVICE);
    for (const name of first?.dependency ?? []) {
      const { file_descriptor_response } = await reflection.ask({ file_by_filename: name });
      const [bytes] = file_descriptor_response?.file_descriptor_proto ?? [];
      expect(bytes && fromBinary(FileDescriptorProtoSchema, bytes).name).toBe(name);
    }
    expect(first?.dependency.length).toBeGreaterThan(0);
  });

  test("a symbol that is not there is an answer, and the stream goes on", async () => {
    const { reflection } = await connect(versions);
    const missing = await reflection.ask({ file_containing_symbol: "no.such.Service" });
    expect(missing.error_response).toMatchObject({
      error_code: Status.NOT_FOUND,
      error_message: expect.stringContaining("no.such.Service"),
    });
    expect(await filesOf(reflection, SERVICE)).not.toEqual([]);
  });
});
