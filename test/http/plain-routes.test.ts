// What a person with curl, a probe or a client without stubs gets.

import { fromJson, toJson } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { MetadataEntrySchema, SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { GitStatus } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import { GetMetadataResponseSchema } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { createListener } from "../../src/http/listener.ts";
import { createPlainRoutes } from "../../src/http/plain-routes.ts";
import { systemClock } from "../../src/metadata/clock.ts";
import { Lifecycle, type LifecycleState } from "../../src/metadata/lifecycle.ts";
import { MetadataService } from "../../src/metadata/service.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { openSocket, rawRequest } from "../helpers/raw-http.ts";
import { startServer, TEST_VERSION, type TestServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

const GIT = data({ git: { branch: "main", status: GitStatus.MODIFIED, ahead: 0, detached: false } });

let git: ControlledCollector;
let workspace: ControlledCollector;
let server: TestServer;

beforeEach(async () => {
  git = new ControlledCollector("git", GIT);
  workspace = new ControlledCollector("workspace", data({ workspace: { name: "ws", id: "42" } }));
  server = await startServer({ collectors: [git.scheduled(), workspace.scheduled()] });
});

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${server.url}${path}`, init);

async function getJson(path: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const response = await get(path, init);
  expect(response.headers.get("content-type")).toBe("application/json");
  return (await response.json()) as Record<string, unknown>;
}

describe("/metadata", () => {
  it("is exactly the proto3 JSON form of GetMetadataResponse", async () => {
    const json = await getJson("/metadata");
    const message = fromJson(GetMetadataResponseSchema, json as never);
    expect(toJson(GetMetadataResponseSchema, message)).toEqual(json);
    expect(json["data"]).toMatchObject({
      git_branch: { value: "main", schema: { type: "string", includeInList: true } },
      git_status: {
        value: "modified",
        schema: { type: "enum", values: expect.arrayContaining(["modified"]) },
      },
      git_ahead: { value: 0, schema: { type: "number" } },
      git_detached: { value: false, schema: { type: "boolean" } },
      workspace_id: { value: "42" },
    });
    expect(json["data"]).not.toHaveProperty("git_upstream");
    expect(json["meta"]).toMatchObject({ version: "1.0", serverVersion: TEST_VERSION });
    expect(json["sources"]).toMatchObject({
      git: { state: "SOURCE_STATE_FRESH", age: expect.stringMatching(/^\d+(\.\d+)?s$/) },
      github: { state: "SOURCE_STATE_DISABLED" },
      task: { state: "SOURCE_STATE_DISABLED" },
    });
  });

  it("has names as in the proto file when asked for, and only then", async () => {
    const camel = await getJson("/metadata?names=camel&keys=git_branch,nonsense");
    const proto = await getJson("/metadata?names=proto&keys=git_branch,nonsense");
    expect(camel).toHaveProperty("data.git_branch.schema.includeInList", true);
    expect(camel).toMatchObject({ unknownKeys: ["nonsense"], meta: { serverVersion: TEST_VERSION } });
    expect(proto).toHaveProperty("data.git_branch.schema.include_in_list", true);
    expect(proto).toMatchObject({ unknown_keys: ["nonsense"], meta: { server_version: TEST_VERSION } });
    expect(proto).toHaveProperty("sources.git.collected_at");
    const message = fromJson(GetMetadataResponseSchema, proto as never);
    expect(toJson(GetMetadataResponseSchema, message, { useProtoFieldName: true })).toEqual(proto);
  });

  it("has another default when the server is told so", async () => {
    const other = await startServer({ collectors: [git.scheduled()], flags: { jsonNames: "proto" } });
    const response = await fetch(`${other.url}/metadata`);
    expect(await response.json()).toHaveProperty("meta.server_version");
    const camel = await fetch(`${other.url}/metadata?names=camel`);
    expect(await camel.json()).toHaveProperty("meta.serverVersion");
  });

  it.each([
    ["keys=git_branch", ["git_branch"]],
    ["keys=workspace_name,git_branch", ["git_branch", "workspace_name"]],
    ["keys=workspace_name&keys=git_branch", ["git_branch", "workspace_name"]],
    ["keys=workspace_*", ["workspace_id", "workspace_name"]],
    ["keys=git_branch,git_br*,git_branch", ["git_branch"]],
    ["keys=*", ["git_branch", "git_detached", "git_status", "git_ahead", "workspace_id", "workspace_name"]],
    ["keys=", ["git_branch", "git_detached", "git_status", "git_ahead", "workspace_id", "workspace_name"]],
    ["keys=git_upstream", []],
  ])("?%s", async (query, keys) => {
    const json = await getJson(`/metadata?${query}`);
    expect(Object.keys(json["data"] as object).sort()).toEqual([...keys].sort());
    expect(json).not.toHaveProperty("unknownKeys");
    expect(Object.keys(json["sources"] as object)).toHaveLength(4);
  });

  it("leaves out names that it does not know, and lists them", async () => {
    const names = [
      "git_branch",
      "from_the_future",
      "git_brunch*",
      "toString",
      "__proto__",
      "git_branch_",
      "Git_branch",
    ];
    const json = await getJson(`/metadata?keys=${names.join(",")}`);
    expect(Object.keys(json["data"] as object)).toEqual(["git_branch"]);
    expect(json["unknownKeys"]).toEqual(names.slice(1));
  });

  it("refuses what it does not understand, naming it", async () => {
    for (const [query, field] of [
      ["max_age=soon", "max_age"],
      ["max_age=-1s", "max_age"],
      ["names=snake", "names"],
      [`keys=${Array.from({ length: 1_001 }, (_, index) => `k${index}`).join(",")}`, "keys"],
    ] as const) {
      for (const path of ["/metadata", "/metadata/git_branch"].slice(0, field === "keys" ? 1 : 2)) {
        const response = await get(`${path}?${query}`);
        expect(response.status).toBe(400);
        expect(await response.json()).toEqual({
          error: "invalid_argument",
          message: expect.stringMatching(new RegExp(`^${field}: .*allowed`)),
          details: { field },
        });
      }
    }
  });

  it("is collected anew when max_age asks for it, and not otherwise", async () => {
    await getJson("/metadata");
    const { calls } = git;
    await getJson("/metadata");
    await getJson("/metadata?max_age=1h");
    expect(git.calls).toBe(calls);
    await getJson("/metadata?max_age=0s");
    expect(git.calls).toBe(calls + 1);
    await getJson("/metadata?max_age=0s&keys=workspace_name");
    expect(git.calls).toBe(calls + 1);
  });

  it("shows a change to the next read", async () => {
    git.set(data({ git: { branch: "topic" } }));
    expect(await getJson("/metadata")).toHaveProperty("data.git_branch.value", "topic");
  });

  it("waits for no source that was not asked for", async () => {
    await getJson("/metadata");
    git.set("hang");
    expect(await getJson("/metadata?keys=workspace_name")).toHaveProperty("data.workspace_name.value", "ws");
  });

  it("answers within the deadline of a source that hangs, with everything else", async () => {
    const hanging = new ControlledCollector("git", "hang");
    const other = await startServer({ collectors: [hanging.scheduled(100), workspace.scheduled()] });
    const response = await within(5_000, "an answer", fetch(`${other.url}/metadata`));
    expect(await response.json()).toMatchObject({
      data: { workspace_name: { value: "ws" }, git_branch: { value: null, error: expect.any(String) } },
      sources: { git: { state: "SOURCE_STATE_FAILED", reason: "TIMEOUT" } },
    });
  });
});

describe("validators", () => {
  const etagOf = async (path: string): Promise<string> => (await get(path)).headers.get("etag") ?? "";

  it("answers 304 as long as nothing has changed", async () => {
    const etag = await etagOf("/metadata");
    expect(etag).toMatch(/^W\/"[\w.-]+"$/);
    const strong = etag.replace("W/", "");
    for (const given of [etag, strong, "*", `"other", ${etag}`, `"other",${etag},"another"`, ` ${etag} `]) {
      const response = await get("/metadata", { headers: { "if-none-match": given } });
      expect(response.status, given).toBe(304);
      expect(await response.text()).toBe("");
      expect(response.headers.get("etag")).toBe(etag);
      expect(response.headers.get("cache-control")).toBe("no-cache");
    }
    for (const given of ['"other"', "", etag.slice(0, -2), etag.slice(2, -1)]) {
      const response = await get("/metadata", { headers: { "if-none-match": given } });
      expect(response.status, given).toBe(200);
    }
  });

  it("changes with an entry and with the state of a source, and with nothing else", async () => {
    const etag = await etagOf("/metadata");
    await get("/metadata?max_age=0s");
    expect(await etagOf("/metadata")).toBe(etag);
    const seen = new Set([etag]);
    for (const outcome of [
      data({ git: { branch: "topic" } }),
      new CollectError("INDEX_LOCKED", "locked"),
      new CollectError("PERMISSION_DENIED", "not allowed"),
      { outcome: "no_data", reason: "NOT_A_REPOSITORY", message: "nothing there" } as const,
    ]) {
      git.set(outcome);
      seen.add(await etagOf("/metadata"));
    }
    expect(seen.size).toBe(5);
    git.set(GIT);
    expect(seen).not.toContain(await etagOf("/metadata"));
  });

  it("differs between variants", async () => {
    const paths = [
      "",
      "?names=proto",
      "?keys=git_branch",
      "?keys=git_branch&names=proto",
      "?keys=git_*",
      "?keys=x",
      "?keys=y",
    ];
    const etags = await Promise.all(paths.map((path) => etagOf(`/metadata${path}`)));
    expect(new Set(etags).size).toBe(paths.length);
    expect(await etagOf("/metadata?names=camel")).toBe(etags[0]);
    expect(await etagOf("/metadata?keys=workspace_id,git_branch")).toBe(
      await etagOf("/metadata?keys=git_branch,workspace_id"),
    );
  });

  it("differs between two runs of the server", async () => {
    const other = await startServer({ collectors: [new ControlledCollector("git", GIT).scheduled()] });
    const again = await fetch(`${other.url}/metadata`);
    expect(again.headers.get("etag")).not.toBe(await etagOf("/metadata"));
  });

  it("is collected before it is compared", async () => {
    const etag = await etagOf("/metadata/git_branch");
    git.set(data({ git: { branch: "topic" } }));
    const response = await get("/metadata/git_branch", { headers: { "if-none-match": etag } });
    expect(response.status).toBe(200);
  });
});

describe("/metadata/{key}", () => {
  it("is one entry, in the shape that it has inside data", async () => {
    const entry = await getJson("/metadata/git_branch");
    const { data: entries } = (await getJson("/metadata")) as { data: Record<string, unknown> };
    expect(entry).toEqual(entries["git_branch"]);
    expect(toJson(MetadataEntrySchema, fromJson(MetadataEntrySchema, entry as never))).toEqual(entry);
    expect(await getJson("/metadata/git_branch?names=proto")).toHaveProperty("schema.include_in_list", true);
    expect(await getJson("/metadata/git%5Fbranch")).toEqual(entry);
  });

  it("is null when a known key has no value now", async () => {
    expect(await getJson("/metadata/git_upstream")).toEqual({ value: null, schema: expect.anything() });
    expect(await getJson("/metadata/github_pr_number")).toEqual({ value: null, schema: expect.anything() });
  });

  it("says why when the source failed", async () => {
    git.set(new CollectError("DUBIOUS_OWNERSHIP", "somebody else's", { invalidates: true }));
    expect(await getJson("/metadata/git_branch")).toMatchObject({ value: null, error: "somebody else's" });
  });

  it("waits for its own source only", async () => {
    await getJson("/metadata");
    git.set("hang");
    expect(await getJson("/metadata/workspace_name")).toMatchObject({ value: "ws" });
  });

  it.each([
    ["git_brnch", "git_branch"],
    ["GIT_STATUS", "git_status"],
    ["workspace_nam%65s", "workspace_name"],
    ["git_branch%2Fx", "git_branch"],
    ["constructor", expect.any(String)],
    ["__proto__", expect.any(String)],
    ["", expect.any(String)],
    ["%22%5C%0A%1b", expect.any(String)],
    ["*", expect.any(String)],
  ])("%s is not known, and the closest one is named", async (key, closest) => {
    const response = await get(`/metadata/${key}`);
    expect(response.status).toBe(404);
    const json = (await response.json()) as { message: string; details: { closest_key: string } };
    expect(json).toEqual({
      error: "not_found",
      message: expect.stringContaining("the closest known key is"),
      details: { closest_key: closest },
    });
    expect(json.message).toContain(`"${json.details.closest_key}"`);
  });
});

describe("/health", () => {
  it("answers at once, whatever the sources do", async () => {
    git.set("hang");
    const response = await within(5_000, "an answer", get("/health"));
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({
      status: "healthy",
      version: TEST_VERSION,
      uptime_seconds: expect.any(Number),
    });
  });

  test.each<[LifecycleState, number]>([
    ["starting", 503],
    ["healthy", 200],
    ["stopping", 503],
  ])("%s is %i", async (state, status) => {
    const lifecycle = new Lifecycle();
    lifecycle.enter(state);
    const routes = createPlainRoutes({
      service: new MetadataService({ collectors: [] }),
      clock: systemClock,
      serverVersion: TEST_VERSION,
      defaultNames: "camel",
      lifecycle,
      stopping: new AbortController().signal,
      page: async () => undefined,
      metrics: () => Promise.reject(new Error("nobody scrapes")),
    });
    const listener = createListener((request, response) => {
      const { signal } = new AbortController();
      void routes({ request, response, signal, write: async () => undefined, cause: undefined });
    });
    const address = await listener.listen({ host: "127.0.0.1", port: 0 });
    const port = "port" in address ? address.port : 0;
    const response = await rawRequest({ host: "127.0.0.1", port }, "GET /health HTTP/1.1", []);
    await listener.close(0);
    expect(response.status).toBe(status);
    expect(JSON.parse(response.body)).toMatchObject({ status: state });
  });
});

describe("unknown paths", () => {
  it("name what there is", async () => {
    const response = await get("/metrics-of-another-server");
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: "not_found",
      message: expect.stringContaining("/metadata/{key}"),
      details: null,
    });
  });
});

describe("a client that leaves", () => {
  afterEach(() => {
    git.set(GIT);
  });

  test("S13: ends its own wait, not the collection that others share", async () => {
    await getJson("/metadata");
    const { calls } = git;
    git.set("hang");
    const staying = getJson("/metadata");
    const leaving = await openSocket(server);
    leaving.write("GET /metadata HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until(() => git.running === 1, "the collection has begun");
    const open = server.openSockets();
    leaving.destroy();
    await until(() => server.openSockets() === open - 1, "the connection of the one that left is gone");
    expect(git.running).toBe(1);
    git.set(data({ git: { branch: "topic" } }));
    expect(await staying).toHaveProperty("data.git_branch.value", "topic");
    expect(git.calls).toBeLessThanOrEqual(calls + 2);
  });
});

test("the states of sources are spelled as in the proto file", async () => {
  const { sources } = (await getJson("/metadata")) as { sources: Record<string, { state: string }> };
  const names = Object.keys(SourceState).map((name) => `SOURCE_STATE_${name}`);
  for (const { state } of Object.values(sources)) {
    expect(names).toContain(state);
  }
});
