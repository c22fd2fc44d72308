// What `/metadata` says in every state of its sources, held against the documents that the server itself serves, and against
// the keys and values that clients were promised.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it, test } from "vitest";
import { CollectError } from "../../src/collectors/collector.ts";
import { GitOperation, GitStatus } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import { GetMetadataResponseSchema, MetadataView } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { TaskStatus } from "../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { createTestClient } from "../helpers/clients.ts";
import { ControlledCollector, data, type Outcome } from "../helpers/controlled-collector.ts";
import { createOpenApiValidators, createSchemaValidators } from "../helpers/json-schema.ts";
import { createRepository } from "../helpers/repository.ts";
import { startServer, type TestServer } from "../helpers/server.ts";

interface Answer {
  readonly data: Record<
    string,
    { value: unknown; schema: { type: string; values?: string[] }; error?: string }
  >;
  readonly meta: Record<string, unknown>;
  readonly sources: Record<string, Record<string, unknown>>;
}

interface Promised {
  readonly type: string;
  readonly list?: true;
  readonly values?: readonly string[];
}

const promised = JSON.parse(readFileSync("test/metadata/promised-keys.json", "utf8")) as Record<
  string,
  Promised
>;
const catalogue = createCatalogue();

const published = createSchemaValidators();
const documented = createOpenApiValidators();

const GIT = data({
  git: {
    branch: "main",
    detached: false,
    status: GitStatus.CONFLICTED,
    operation: GitOperation.CHERRY_PICK,
    commit: {
      hash: "0123456",
      sha: "0123456789",
      message: "A\n\tmessage",
      time: { seconds: 1_700_000_000n, nanos: 5 },
    },
    ahead: 0,
    behind: 12,
    remote: { url: "https://user:secret@example.com/a/b.git" },
  },
});
const PROBLEM = { reason: "EXAMPLE", message: "said for a person" };

let sources: Record<"git" | "task" | "workspace", ControlledCollector>;
let server: TestServer;

beforeEach(async () => {
  sources = {
    git: new ControlledCollector("git", GIT),
    task: new ControlledCollector(
      "task",
      data({ workspace: { task: { status: TaskStatus.RUNNING, progress: 50 } } }),
    ),
    workspace: new ControlledCollector("workspace", data({ workspace: { name: "ws" } })),
  };
  server = await startServer({ collectors: Object.values(sources).map((source) => source.scheduled()) });
});

/** Reads in both spellings, and holds both against the schema. */
async function read(query = ""): Promise<Answer> {
  for (const names of ["proto", "camel"] as const) {
    const response = await fetch(`${server.url}/metadata?names=${names}${query}`);
    expect(response.status).toBe(200);
    const json = (await response.json()) as JsonValue;
    expect(published[names](json)).toEqual([]);
    expect(documented.response(json)).toEqual([]);
    const message = fromJson(GetMetadataResponseSchema, json);
    expect(toJson(GetMetadataResponseSchema, message, { useProtoFieldName: names === "proto" })).toEqual(
      json,
    );
    if (names === "camel") {
      const answer = json as unknown as Answer;
      expectFixed(answer);
      return answer;
    }
  }
  throw new Error("not reached");
}

/** What holds in every state. */
function expectFixed({ data: entries, meta, sources: states }: Answer): void {
  for (const [key, entry] of Object.entries(entries)) {
    const leaf = catalogue.byKey.get(key);
    expect(leaf, key).toBeDefined();
    expect(Object.keys(entry)).toEqual(expect.arrayContaining(["value", "schema"]));
    expect(entry.schema.type).toBe(leaf?.schema.type);
    expect(promised[key]?.type ?? entry.schema.type).toBe(entry.schema.type);
    if (entry.value === null) {
      expect(entry.error, key).toBeTruthy();
    } else {
      expect(typeof entry.value).toBe(entry.schema.type === "enum" ? "string" : entry.schema.type);
    }
    if (entry.schema.type === "enum" && entry.value !== null) {
      expect(entry.schema.values).toContain(entry.value);
    }
  }
  expect(Object.keys(meta).sort()).toEqual(["generatedAt", "revision", "serverVersion", "version"]);
  for (const value of Object.values(meta)) {
    expect(typeof value).toBe("string");
  }
  expect(meta["version"]).toMatch(/^\d+\.\d+$/);
  expect(Object.keys(states).sort()).toEqual([...catalogue.bySource.keys()].sort());
}

const LISTED = catalogue.leaves.filter(({ schema }) => schema.includeInList);
const listedOf = (source: string) => LISTED.filter((leaf) => leaf.source === source).map(({ key }) => key);

describe("the states of a source", () => {
  const expectOthersUntouched = (answer: Answer): void => {
    expect(answer.data).toMatchObject({
      workspace_name: { value: "ws" },
      workspace_task_status: { value: "running" },
    });
    expect(answer.sources).toMatchObject({
      workspace: { state: "SOURCE_STATE_FRESH" },
      task: { state: "SOURCE_STATE_FRESH" },
    });
  };

  const set = async (outcome: Outcome): Promise<Answer> => {
    await read();
    sources.git.set(outcome);
    const answer = await read();
    expectOthersUntouched(answer);
    return answer;
  };

  it("fresh: all that was collected", async () => {
    const { data: entries, sources: states } = await set(GIT);
    expect(entries).toMatchObject({
      git_branch: { value: "main" },
      git_detached: { value: false },
      git_status: { value: "conflicted" },
      git_operation: { value: "cherry_pick" },
      git_commit_hash: { value: "0123456" },
      git_commit_message: { value: "A\n\tmessage" },
      git_commit_time: { value: "2023-11-14T22:13:20.000000005Z" },
      git_ahead: { value: 0 },
      git_behind: { value: 12 },
      git_remote_url: { value: "https://example.com/a/b.git" },
    });
    expect(Object.values(entries).some((entry) => "error" in entry)).toBe(false);
    expect(states["git"]).toEqual({
      state: "SOURCE_STATE_FRESH",
      collectedAt: expect.any(String),
      age: expect.any(String),
      collectionTime: expect.any(String),
    });
  });

  it("fresh with a warning: the same, and a reason", async () => {
    const { data: entries, sources: states } = await set(data({ git: { branch: "main" } }, PROBLEM));
    expect(entries["git_branch"]).not.toHaveProperty("error");
    expect(states["git"]).toMatchObject({ state: "SOURCE_STATE_FRESH", ...PROBLEM });
  });

  it("stale: the last good values, and those of lists say why", async () => {
    const { data: entries, sources: states } = await set(new CollectError(PROBLEM.reason, PROBLEM.message));
    expect(entries["git_branch"]).toMatchObject({ value: "main", error: PROBLEM.message });
    expect(entries["git_status"]).toMatchObject({ value: "conflicted", error: PROBLEM.message });
    expect(entries["git_commit_message"]).toMatchObject({ value: "A\n\tmessage" });
    expect(entries["git_commit_message"]).not.toHaveProperty("error");
    expect(states["git"]).toMatchObject({ state: "SOURCE_STATE_STALE", ...PROBLEM, age: expect.any(String) });
  });

  it("failed: null for those of lists, and why", async () => {
    const error = new CollectError(PROBLEM.reason, PROBLEM.message, { invalidates: true });
    const { data: entries, sources: states } = await set(error);
    const keys = Object.keys(entries).filter((key) => catalogue.byKey.get(key)?.source === "git");
    expect(keys).toEqual(listedOf("git"));
    for (const key of keys) {
      expect(entries[key]).toMatchObject({ value: null, error: PROBLEM.message });
    }
    expect(states["git"]).toMatchObject({ state: "SOURCE_STATE_FAILED", ...PROBLEM });
  });

  it("failed by a defect: nothing of its text is served", async () => {
    const { data: entries, sources: states } = await set(new TypeError("a secret of the implementation"));
    expect(JSON.stringify([entries, states])).not.toContain("secret of");
    expect(states["git"]).toMatchObject({ state: "SOURCE_STATE_STALE", reason: "INTERNAL" });
  });

  it("no data: no entries, and in what sense", async () => {
    const { data: entries, sources: states } = await set({ outcome: "no_data", ...PROBLEM });
    expect(Object.keys(entries).filter((key) => key.startsWith("git_"))).toEqual([]);
    expect(states["git"]).toMatchObject({ state: "SOURCE_STATE_NO_DATA", ...PROBLEM });
  });

  it("disabled: no entries", async () => {
    const { data: entries, sources: states } = await read();
    expect(Object.keys(entries).filter((key) => key.startsWith("github_"))).toEqual([]);
    expect(states["github"]).toMatchObject({ state: "SOURCE_STATE_DISABLED", reason: "NOT_COLLECTED" });
  });

  it("pending: no entries, and nobody else waits", async () => {
    const hanging = new ControlledCollector("git", "hang");
    server = await startServer({
      collectors: [
        hanging.scheduled(),
        ...[sources.task, sources.workspace].map((source) => source.scheduled()),
      ],
    });
    const answer = await read("&keys=workspace_*");
    expectOthersUntouched(answer);
    expect(answer.sources["git"]).toEqual({ state: "SOURCE_STATE_PENDING" });
  });
});

describe("the promised keys", () => {
  test("each has its type, its values and its place in lists", async () => {
    const { keys } = await createTestClient("Connect with JSON, HTTP/1.1", server.url).listKeys({});
    const byKey = new Map(keys.map(({ key, schema }) => [key, schema]));
    for (const [key, { type, list = false, values = [] }] of Object.entries(promised)) {
      expect(byKey.get(key), key).toMatchObject({ type, includeInList: list, values });
    }
  });

  test.each(Object.entries(promised).filter(([, { values }]) => values !== undefined))(
    "%s is served with each of its values",
    async (key, { values = [] }) => {
      const leaf = catalogue.byKey.get(key);
      const source = leaf?.source;
      if (
        leaf?.field.fieldKind !== "enum" ||
        (source !== "git" && source !== "task" && source !== "workspace")
      ) {
        expect(source).toBe("github");
        return;
      }
      for (const value of values) {
        const { enum: type } = leaf.field;
        const number = type.values.find(
          ({ name }) => name.toLowerCase() === `${type.sharedPrefix ?? ""}${value}`,
        )?.number;
        const tree = leaf.path
          .toReversed()
          .reduce<unknown>((inner, { localName }) => ({ [localName]: inner }), number);
        sources[source].set(data(tree as Parameters<typeof data>[0]));
        expect((await read()).data[key]?.value).toBe(value);
      }
    },
  );
});

test("a real workspace keeps to it", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" }, "A commit \u001b[31mwith color\u202e");
  repository.write({ "b.txt": "b\n" });
  const taskFile = join(repository.home, "task.json");
  writeFileSync(taskFile, JSON.stringify({ status: "waiting" }));
  const flags = { workspace: repository.root, taskFile };
  server = await startServer({
    collectors: "real",
    flags,
    env: { PATH: process.env["PATH"], HOME: repository.home },
  });
  const { data: entries, sources: states } = await read();
  expect(entries).toMatchObject({
    git_branch: { value: "main" },
    git_status: { value: "untracked" },
    git_commit_message: { value: "A commit with color" },
    workspace_name: { value: expect.any(String) },
  });
  expect(states).toMatchObject({
    git: { state: "SOURCE_STATE_FRESH" },
    task: { state: "SOURCE_STATE_FRESH" },
  });
});

test("the typed tree keeps to its schema too", async () => {
  const client = createTestClient("gRPC, HTTP/2", server.url);
  const json = toJson(GetMetadataResponseSchema, await client.getMetadata({ view: MetadataView.FULL }));
  expect(published.camel(json)).toEqual([]);
  expect(json).toHaveProperty("workspace.git.status", "GIT_STATUS_CONFLICTED");
});
