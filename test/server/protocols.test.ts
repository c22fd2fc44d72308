// One port, every protocol, clients by three authors: Connect's own, buf and grpc-js. A real repository is served.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, equals, toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMetadataClient } from "../../src/client/index.ts";
import { MetadataEntrySchema, SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { GitStatus } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import { MetadataView } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { createTestClient, TRANSPORT_NAMES } from "../helpers/clients.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { http2Request, openSession } from "../helpers/http2-client.ts";
import { temporaryDirectory } from "../helpers/repository.ts";
import { startServer, TEST_VERSION, useServer } from "../helpers/server.ts";

const SERVICE = "fleet.metadata.v1.MetadataService";

const git = new ControlledCollector(
  "git",
  data({ git: { branch: "main", status: GitStatus.CLEAN, ahead: 0, detached: false } }),
);
const workspace = new ControlledCollector("workspace", data({ workspace: { name: "ws" } }));
const server = useServer(() => ({ collectors: [git.scheduled(), workspace.scheduled()] }));
const guarded = useServer(() => ({ collectors: [git.scheduled()], flags: { token: "s3cret" } }));

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectError);
    return Code[ConnectError.from(error).code] ?? "";
  }
}

describe.each(TRANSPORT_NAMES)("%s", (name) => {
  test("GetMetadata", async () => {
    const client = createTestClient(name, server().url);
    const { data: entries, meta, sources, workspace: tree, unknownKeys } = await client.getMetadata({});
    expect(Object.keys(entries)).toEqual(
      ["git_branch", "git_detached", "git_status", "git_ahead", "workspace_name"].sort(byCatalogue),
    );
    expect(toJson(MetadataEntrySchema, entries["git_status"] ?? create(MetadataEntrySchema))).toMatchObject({
      value: "clean",
      schema: { type: "enum", includeInList: true },
    });
    expect(meta).toMatchObject({
      version: "1.0",
      serverVersion: TEST_VERSION,
      revision: expect.stringMatching(/./),
    });
    expect(sources["git"]?.state).toBe(SourceState.FRESH);
    expect(sources["task"]?.state).toBe(SourceState.DISABLED);
    expect(tree).toBeUndefined();
    expect(unknownKeys).toEqual([]);
  });

  test("the views, keys and unknown keys", async () => {
    const client = createTestClient(name, server().url);
    const typed = await client.getMetadata({ view: MetadataView.TYPED });
    expect(typed.data).toEqual({});
    expect(typed.workspace).toMatchObject({
      git: { branch: "main", status: GitStatus.CLEAN, ahead: 0, detached: false },
      workspace: { name: "ws" },
    });
    const keys = ["git_br*", "workspace_name", "from_the_future"];
    const full = await client.getMetadata({ view: MetadataView.FULL, keys });
    expect(Object.keys(full.data)).toEqual(["git_branch", "workspace_name"]);
    expect(full.workspace?.git?.branch).toBe("main");
    expect(full.workspace?.git?.status).toBe(GitStatus.UNSPECIFIED);
    expect(full.unknownKeys).toEqual(["from_the_future"]);
    const entries = await client.getMetadata({ view: MetadataView.ENTRIES, keys });
    expect(entries.workspace).toBeUndefined();
    expect(entries.data).toEqual(full.data);
  });

  test("max_age", async () => {
    const client = createTestClient(name, server().url);
    const { calls } = git;
    await client.getMetadata({ maxAge: durationFromMs(3_600_000) });
    expect(git.calls).toBe(calls);
    await client.getMetadata({ maxAge: durationFromMs(0) });
    expect(git.calls).toBe(calls + 1);
  });

  test("ListKeys", async () => {
    const { keys } = await createTestClient(name, server().url).listKeys({});
    expect(keys.map(({ key }) => key)).toEqual(catalogue.leaves.map(({ key }) => key));
    expect(keys.find(({ key }) => key === "workspace_task_status")).toMatchObject({
      source: "task",
      schema: { type: "enum", values: expect.arrayContaining(["running"]) },
    });
  });

  test("what is out of range is invalid_argument, and named", async () => {
    const client = createTestClient(name, server().url);
    const first = async (request: Parameters<typeof client.watchMetadata>[0]): Promise<void> => {
      for await (const _ of client.watchMetadata(request)) {
        return;
      }
    };
    const calls: [string, () => Promise<unknown>][] = [
      ["max_age", () => client.getMetadata({ maxAge: durationFromMs(-1) })],
      ["view", () => client.getMetadata({ view: 99 as MetadataView })],
      ["keys", () => client.getMetadata({ keys: Array.from({ length: 1_001 }, (_, index) => `k${index}`) })],
      ["heartbeat_interval", () => first({ heartbeatInterval: durationFromMs(999) })],
      ["heartbeat_interval", () => first({ heartbeatInterval: durationFromMs(300_001) })],
      ["view", () => first({ view: 99 as MetadataView })],
    ];
    for (const [field, call] of calls) {
      // A view that has no name cannot be written as JSON.
      if (field === "view" && !name.includes("HTTP/1.1")) {
        continue;
      }
      await expect(call()).rejects.toMatchObject({
        rawMessage: expect.stringMatching(`^${field}: .*allowed`),
      });
      expect(await codeOf(call())).toBe("InvalidArgument");
    }
  });

  test("WatchMetadata sends the state at once, every change, and ends for the caller", async () => {
    const source = new ControlledCollector("git", data({ git: { branch: "one" } }));
    const watched = await startServer({ collectors: [source.scheduled()] });
    const leave = new AbortController();
    const revisions = new Set<string>();
    const branches: unknown[] = [];
    const read = async (): Promise<void> => {
      const client = createTestClient(name, watched.url);
      for await (const { metadata } of client.watchMetadata(
        { keys: ["git_branch"] },
        { signal: leave.signal },
      )) {
        revisions.add(metadata?.meta?.revision ?? "");
        branches.push(metadata?.data["git_branch"]?.value?.kind.value);
        if (branches.length === 1) {
          source.set(data({ git: { branch: "two" } }));
        } else {
          leave.abort();
        }
      }
    };
    expect(await codeOf(read())).toBe("Canceled");
    expect(branches).toEqual(["one", "two"]);
    expect(revisions.size).toBe(2);
  });

  test("S6: a token is required, and is enough", async () => {
    const client = createTestClient(name, guarded().url);
    expect(await codeOf(client.getMetadata({}))).toBe("Unauthenticated");
    expect(await codeOf(client.listKeys({}))).toBe("Unauthenticated");
    expect(await codeOf(client.watchMetadata({})[Symbol.asyncIterator]().next())).toBe("Unauthenticated");
    const headers = { authorization: "Bearer s3cret" };
    expect(await codeOf(client.getMetadata({}, { headers }))).toBe("ok");
  });

  test("S4: a page of another site is permission_denied", async () => {
    const client = createTestClient(name, server().url);
    const headers = { origin: "https://evil.example" };
    expect(await codeOf(client.getMetadata({}, { headers }))).toBe("PermissionDenied");
    expect(await codeOf(client.watchMetadata({}, { headers })[Symbol.asyncIterator]().next())).toBe(
      "PermissionDenied",
    );
  });

  test("S13: the caller's own timeout is honoured, and is the caller's alone", async () => {
    const source = new ControlledCollector("git", "hang");
    const slow = await startServer({ collectors: [source.scheduled()] });
    const client = createTestClient(name, slow.url);
    const staying = client.getMetadata({});
    expect(await codeOf(client.getMetadata({}, { timeoutMs: 50 }))).toBe("DeadlineExceeded");
    expect(source.running).toBe(1);
    source.set(data({ git: { branch: "late" } }));
    expect((await staying).data).toHaveProperty("git_branch");
  });
});

const catalogue = createCatalogue();
const position = new Map(catalogue.leaves.map(({ key }, index) => [key, index]));
const byCatalogue = (a: string, b: string): number => (position.get(a) ?? 0) - (position.get(b) ?? 0);

test("all protocols give the same answer", async () => {
  const answers = await Promise.all(
    TRANSPORT_NAMES.map((name) =>
      createTestClient(name, server().url).getMetadata({ view: MetadataView.FULL }),
    ),
  );
  const [first] = answers;
  for (const { data: entries, workspace: tree, meta } of answers) {
    expect(meta?.revision).toBe(first?.meta?.revision);
    expect(tree).toEqual(first?.workspace);
    expect(Object.keys(entries)).toEqual(Object.keys(first?.data ?? {}));
    for (const [key, entry] of Object.entries(entries)) {
      expect(equals(MetadataEntrySchema, entry, first?.data[key] ?? create(MetadataEntrySchema))).toBe(true);
    }
  }
});

test("our own client", async () => {
  const { data: entries } = await createMetadataClient(server().url).getMetadata({});
  expect(entries).toHaveProperty("git_branch");
  expect(await codeOf(createMetadataClient(guarded().url).getMetadata({}))).toBe("Unauthenticated");
  expect(await codeOf(createMetadataClient(guarded().url, { token: "s3cret" }).getMetadata({}))).toBe("ok");
});

test("our own client on a Unix socket", async () => {
  const path = join(temporaryDirectory(), "socket");
  await startServer({ collectors: [], flags: { listen: `unix:${path}` } });
  const { keys } = await createMetadataClient(`unix:${path}`).listKeys({});
  expect(keys).toHaveLength(catalogue.leaves.length);
});

describe.each(["connect", "grpc", "grpcweb"])("buf curl, %s", (protocol) => {
  interface Outcome {
    readonly stdout: string;
    readonly stderr: string;
    readonly exitCode: number;
  }

  async function bufCurl(url: string, request: unknown, ...flags: string[]): Promise<Outcome> {
    const transport = protocol === "grpc" ? ["--http2-prior-knowledge"] : [];
    const options = [
      "--schema",
      "proto",
      "--protocol",
      protocol,
      "--data",
      JSON.stringify(request),
      "--emit-defaults",
    ];
    try {
      const done = await promisify(execFile)("buf", ["curl", ...options, ...transport, ...flags, url]);
      return { ...done, exitCode: 0 };
    } catch (error) {
      const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
      return { stdout, stderr, exitCode: code };
    }
  }

  test("GetMetadata, ListKeys and errors", async () => {
    const url = `${server().url}/${SERVICE}`;
    const metadata = await bufCurl(`${url}/GetMetadata`, {
      keys: ["git_branch", "nonsense"],
      view: "METADATA_VIEW_FULL",
    });
    expect(metadata.stderr).toBe("");
    expect(JSON.parse(metadata.stdout)).toMatchObject({
      data: { git_branch: { value: "main" } },
      workspace: { git: { branch: "main" } },
      unknownKeys: ["nonsense"],
    });
    const keys = await bufCurl(`${url}/ListKeys`, {});
    const listed = JSON.parse(keys.stdout) as { keys: unknown[] };
    expect(listed.keys).toHaveLength(catalogue.leaves.length);
    const invalid = await bufCurl(`${url}/GetMetadata`, { maxAge: "-1s" });
    expect(JSON.parse(invalid.stderr)).toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/^max_age/),
    });
    // The exit code of buf curl is eight times the number of the code.
    expect(invalid.exitCode).toBe(8 * Code.InvalidArgument);
    const refused = await bufCurl(`${guarded().url}/${SERVICE}/GetMetadata`, {});
    expect(JSON.parse(refused.stderr)).toMatchObject({ code: "unauthenticated" });
    const foreign = await bufCurl(`${url}/GetMetadata`, {}, "--header", "Origin: https://evil.example");
    expect(JSON.parse(foreign.stderr)).toMatchObject({ code: "permission_denied" });
  });
});

describe("grpc-js", () => {
  const definition = loadSync("fleet/metadata/v1/service.proto", {
    includeDirs: ["proto"],
    keepCase: true,
    longs: Number,
  });
  const loaded = loadPackageDefinition(definition);

  /** A client for any method, by the definition that the proto files give it. */
  function open(url: string): Client {
    expect(loaded).toHaveProperty("fleet.metadata.v1.MetadataService");
    const client = new Client(url.replace("http://", ""), credentials.createInsecure());
    onTestFinished(() => client.close());
    return client;
  }

  function methodOf(name: string) {
    const service = definition[SERVICE];
    const method = service && !("format" in service) ? service[name] : undefined;
    if (method === undefined) {
      throw new Error(`no method ${name}`);
    }
    return method;
  }

  function call(client: Client, name: string, request: object, metadata = new Metadata()): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name);
    const deadline = { deadline: Date.now() + 20_000 };
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        deadline,
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
  }

  test("GetMetadata and ListKeys", async () => {
    const client = open(server().url);
    expect(await call(client, "GetMetadata", { keys: ["git_branch", "nonsense"], view: 3 })).toMatchObject({
      data: { git_branch: { value: { stringValue: "main" } } },
      workspace: { git: { branch: "main" } },
      unknown_keys: ["nonsense"],
    });
    const { keys } = (await call(client, "ListKeys", {})) as { keys: unknown[] };
    expect(keys).toHaveLength(catalogue.leaves.length);
  });

  test("errors", async () => {
    const client = open(server().url);
    await expect(call(client, "GetMetadata", { max_age: { seconds: -1 } })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/^max_age/),
    });
    await expect(call(client, "GetMetadata", { view: 99 })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    await expect(call(open(guarded().url), "GetMetadata", {})).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining("Authorization: Bearer <token>"),
    });
    const token = new Metadata();
    token.set("authorization", "Bearer s3cret");
    expect(await call(open(guarded().url), "GetMetadata", {}, token)).toHaveProperty("data");
    const foreign = new Metadata();
    foreign.set("origin", "https://evil.example");
    await expect(call(client, "GetMetadata", {}, foreign)).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
  });

  test("a method that does not exist", async () => {
    const client = open(server().url);
    const echo = (bytes: Buffer): Buffer => bytes;
    for (const path of [`/${SERVICE}/Nothing`, "/some.other.Service/Method", "/NoPackage/Method"]) {
      const failed = new Promise<ServiceError | null>((resolve) => {
        client.makeUnaryRequest(path, echo, echo, Buffer.alloc(0), (error) => resolve(error));
      });
      expect(await failed).toMatchObject({ code: status.UNIMPLEMENTED });
    }
  });

  test("WatchMetadata", async () => {
    const { path, requestSerialize, responseDeserialize } = methodOf("WatchMetadata");
    const stream = open(server().url).makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      {},
    );
    stream.on("error", () => undefined);
    const [message] = (await once(stream, "data")) as [unknown];
    expect(message).toMatchObject({ metadata: { data: { git_branch: { value: { stringValue: "main" } } } } });
    stream.cancel();
  });
});

describe("on the wire", () => {
  const post = async (path: string, headers: Record<string, string>, body = Buffer.alloc(5)) => {
    const session = await openSession(server().url);
    return await http2Request(session, { ":method": "POST", ":path": path, ...headers }, body);
  };

  test.each([
    ["application/grpc", 200],
    ["application/grpc+proto", 200],
    ["application/grpc-web", 200],
    ["application/grpc-web+json", 200],
    ["application/proto", 404],
    ["application/json", 404],
    ["application/connect+json", 404],
    ["text/plain", 404],
  ])("an unknown method, asked for with %s", async (type, expected) => {
    const answer = await post(`/${SERVICE}/Nothing`, { "content-type": type });
    expect(answer.status).toBe(expected);
    if (expected === 200) {
      expect(answer.headers).toMatchObject({ "grpc-status": "12", "content-type": type });
      expect(decodeURIComponent(String(answer.headers["grpc-message"]))).toBe(
        `there is no method /${SERVICE}/Nothing`,
      );
    } else {
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "unimplemented" });
    }
  });

  test("a method that is called wrongly is refused by the RPC library, with the headers of every answer", async () => {
    const path = `/${SERVICE}/GetMetadata`;
    const attempts = [
      [415, await post(path, { "content-type": "text/plain" })],
      [415, await post(path, {})],
      [400, await post(path, { "content-type": "application/json" }, Buffer.from("not JSON"))],
      [200, await post(path, { "content-type": "application/json" }, Buffer.from('{"fromTheFuture": 1}'))],
      [405, await http2Request(await openSession(server().url), { ":method": "DELETE", ":path": path })],
      [405, await http2Request(await openSession(server().url), { ":method": "OPTIONS", ":path": path })],
      [415, await http2Request(await openSession(server().url), { ":method": "GET", ":path": path })],
    ] as const;
    for (const [expected, { status: given, headers }] of attempts) {
      expect(given).toBe(expected);
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    }
  });

  const page = useServer(() => ({
    collectors: [git.scheduled()],
    flags: { allowedOrigins: "https://dash.example.com" },
  }));

  test.each([
    ["application/json", "{}"],
    ["application/proto", ""],
    ["application/grpc+proto", "\0\0\0\0\0"],
    ["application/grpc-web+proto", "\0\0\0\0\0"],
    ["application/connect+json", "\0\0\0\0\u0002{}"],
  ])(
    "S4, S5: an answer with %s carries the headers of every answer, and names the page that may read it",
    async (type, body) => {
      const method = type.includes("connect+") ? "WatchMetadata" : "GetMetadata";
      const headers = { "content-type": type, origin: "https://dash.example.com" };
      const attempts = ["1.1", "2"].map(async (version) => {
        if (version === "1.1") {
          const leave = new AbortController();
          const request = { method: "POST", headers, body, signal: leave.signal };
          const response = await fetch(`${page().url}/${SERVICE}/${method}`, request);
          const received = Object.fromEntries(response.headers);
          leave.abort();
          return { ":status": response.status, ...received };
        }
        const session = await openSession(page().url);
        const stream = session.request({ ":method": "POST", ":path": `/${SERVICE}/${method}`, ...headers });
        stream.end(body);
        const [received] = (await once(stream, "response")) as [Record<string, unknown>];
        session.destroy();
        return received;
      });
      for (const received of await Promise.all(attempts)) {
        expect(received).toMatchObject({
          ":status": 200,
          "content-type": type,
          "x-content-type-options": "nosniff",
          "cross-origin-resource-policy": "same-origin",
          "content-security-policy": expect.any(String),
          "cache-control": "no-store",
          "access-control-allow-origin": "https://dash.example.com",
          "access-control-expose-headers": expect.stringMatching(/Grpc-Status/i),
          vary: expect.stringContaining("Origin"),
        });
      }
    },
  );
});
