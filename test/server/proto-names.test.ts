// A client that was written against names as in the proto files, and trusts what it is told no further than its model: it gets
// what it expects in every state of the sources.

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { CollectError } from "../../src/collectors/collector.ts";
import { GitStatus } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import { ControlledCollector, data, type Outcome } from "../helpers/controlled-collector.ts";
import { startServer, type TestServer } from "../helpers/server.ts";

/** Nothing that it does not name may come. JSON of protobuf leaves out what is false or empty. */
const entryModel = z
  .strictObject({
    value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
    error: z.string().min(1).nullable().default(null),
    truncated: z.boolean().default(false),
    schema: z.strictObject({
      type: z.enum(["string", "number", "boolean", "enum"]),
      description: z.string().min(1),
      include_in_list: z.boolean().default(false),
      values: z.array(z.string().min(1)).min(1).optional(),
    }),
  })
  .refine(({ value, error }) => value !== null || error !== null, "null without an error")
  .refine(({ schema }) => (schema.type === "enum") === (schema.values !== undefined), "values without enum")
  .refine(
    ({ value, schema }) =>
      value === null || typeof value === (schema.type === "enum" ? "string" : schema.type),
  );

const answerModel = z.strictObject({
  data: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), entryModel),
  meta: z.record(z.string(), z.string()),
  sources: z.record(
    z.string(),
    z.strictObject({
      state: z.string().regex(/^SOURCE_STATE_[A-Z_]+$/),
      reason: z.string().optional(),
      message: z.string().optional(),
      collected_at: z.iso.datetime().optional(),
      age: z.string().optional(),
      collection_time: z.string().optional(),
      next_collection_at: z.iso.datetime().optional(),
      rate_limit: z.unknown().optional(),
    }),
  ),
  unknown_keys: z.array(z.string()).optional(),
});

const FOUND = data({
  git: {
    branch: "main",
    detached: false,
    ahead: 0,
    status: GitStatus.CLEAN,
    commit: { message: "m".repeat(5_000) },
  },
});

interface Case {
  /** What the source does after it has found something; undefined: this is its first collection. */
  readonly next?: Outcome;
  readonly first?: Outcome;
  readonly state: string;
  /** What the client's list shows for the branch. */
  readonly branch: unknown;
}

const CASES: Readonly<Record<string, Case>> = {
  fresh: { first: FOUND, state: "FRESH", branch: ["main", null] },
  "fresh with a warning": {
    first: data({ git: { branch: "main" } }, { reason: "ODD", message: "odd" }),
    state: "FRESH",
    branch: ["main", null],
  },
  stale: {
    first: FOUND,
    next: new CollectError("BROKEN", "it broke"),
    state: "STALE",
    branch: ["main", "it broke"],
  },
  failed: { first: new CollectError("BROKEN", "it broke"), state: "FAILED", branch: [null, "it broke"] },
  "no data": {
    first: { outcome: "no_data", reason: "NOTHING", message: "nothing there" },
    state: "NO_DATA",
    branch: undefined,
  },
  disabled: { state: "DISABLED", branch: undefined },
};

/** By the request, and by the server's setting. */
const SPELLINGS: Readonly<
  Record<string, { readonly flags: Record<string, string>; readonly query: string }>
> = {
  "?names=proto": { flags: {}, query: "?names=proto" },
  "--json-names proto": { flags: { jsonNames: "proto" }, query: "" },
};

/** As the client reads: the whole answer, by its model. */
async function read({ url }: TestServer, path: string) {
  const response = await fetch(`${url}${path}`);
  expect(response.status).toBe(200);
  return answerModel.parse(await response.json());
}

describe.each(Object.entries(SPELLINGS))("%s", (_, { flags, query }) => {
  test.each(Object.entries(CASES))("%s", async (_, { first, next, state, branch }) => {
    const git = first && new ControlledCollector("git", first);
    const workspace = new ControlledCollector("workspace", data({ workspace: { name: "ws" } }));
    const collectors = [git, workspace].flatMap((collector) => collector?.scheduled() ?? []);
    const server = await startServer({ collectors, flags });
    if (next !== undefined) {
      await read(server, `/metadata${query}`);
      git?.set(next);
    }
    const { data: entries, meta, sources } = await read(server, `/metadata${query}`);
    expect(sources["git"]?.state).toBe(`SOURCE_STATE_${state}`);
    expect(Object.keys(meta).sort()).toEqual(["generated_at", "revision", "server_version", "version"]);
    const entry = entries["git_branch"];
    expect(entry && [entry.value, entry.error]).toEqual(branch);
    expect(entry?.schema.include_in_list).toBe(branch && true);
    expect(entries).toHaveProperty("workspace_name.value", "ws");
    if (first === FOUND) {
      expect(entries).toHaveProperty("git_commit_message.truncated", true);
      expect(entries).toHaveProperty("git_ahead.value", 0);
      expect(entries).toHaveProperty("git_detached.value", false);
      expect(entries["git_status"]?.schema.values).toContain("clean");
    }
  });

  test("pending", async () => {
    const git = new ControlledCollector("git", "hang");
    const server = await startServer({ collectors: [git.scheduled()], flags });
    const and = query === "" ? "?" : `${query}&`;
    const {
      sources,
      data: entries,
      unknown_keys,
    } = await read(server, `/metadata${and}keys=workspace_*,from_the_future`);
    expect(sources["git"]?.state).toBe("SOURCE_STATE_PENDING");
    expect(entries).toEqual({});
    expect(unknown_keys).toEqual(["from_the_future"]);
  });

  test("one entry, and events", async () => {
    const git = new ControlledCollector("git", FOUND);
    const server = await startServer({ collectors: [git.scheduled()], flags });
    const entry = await (await fetch(`${server.url}/metadata/git_branch${query}`)).json();
    expect(entryModel.parse(entry)).toMatchObject({ value: "main", schema: { include_in_list: true } });
    const leave = new AbortController();
    const events = await fetch(`${server.url}/metadata/events${query}`, { signal: leave.signal });
    let text = "";
    for await (const chunk of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (/^data: .*\n\n/m.test(text)) {
        break;
      }
    }
    leave.abort();
    const [, json = ""] = /^data: (.*)$/m.exec(text) ?? [];
    expect(answerModel.parse(JSON.parse(json)).data).toHaveProperty("git_branch.value", "main");
  });
});
