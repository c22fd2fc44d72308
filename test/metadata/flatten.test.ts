import { create, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MetadataEntry, MetadataEntrySchema } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { GitStatus } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import { WorkspaceMetadataSchema } from "../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { TaskStatus } from "../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { jsonBytes } from "../../src/metadata/clean-text.ts";
import { cleanTree, copyLeaf, entryBytes, flatten, nullEntry } from "../../src/metadata/flatten.ts";
import { METADATA_LIMITS } from "../../src/metadata/limits.ts";

type Tree = MessageInitShape<typeof WorkspaceMetadataSchema>;

const catalogue = createCatalogue();

/** One source's entries as JSON values by key, and which of them were cut. */
function entriesOf(source: string, init: Tree) {
  const tree = create(WorkspaceMetadataSchema, init);
  const truncated = cleanTree(catalogue, source, tree);
  const entries = flatten(catalogue, source, tree, truncated);
  const values = Object.fromEntries([...entries].map(([key, entry]) => [key, jsonValue(entry)]));
  return { tree, truncated, entries, values };
}

function jsonValue(entry: MetadataEntry): unknown {
  const { value } = toJson(MetadataEntrySchema, entry) as { value: unknown };
  return value;
}

function leafOf(key: string) {
  const leaf = catalogue.byKey.get(key);
  if (leaf === undefined) {
    throw new Error(`no key ${key}`);
  }
  return leaf;
}

describe("the value of a leaf", () => {
  it("has the form that its kind of field asks for", () => {
    const { values } = entriesOf("git", {
      git: {
        branch: "main",
        detached: false,
        status: GitStatus.CONFLICTED,
        stagedFiles: 0,
        commit: { time: timestampFromMs(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) },
      },
    });
    expect(values).toEqual({
      git_branch: "main",
      git_detached: false,
      git_status: "conflicted",
      git_staged_files: 0,
      git_commit_time: "2026-01-02T03:04:05.678Z",
    });
  });

  it("is a fraction where the field is one", () => {
    expect(entriesOf("task", { workspace: { task: { progress: 33.3 } } }).values).toEqual({
      workspace_task_progress: 33.3,
    });
  });

  it("carries the catalogue's schema", () => {
    const { entries } = entriesOf("git", { git: { branch: "main" } });
    expect(entries.get("git_branch")?.schema).toBe(leafOf("git_branch").schema);
  });

  it("is absent when the field is, or a message around it", () => {
    expect(entriesOf("git", {}).values).toEqual({});
    expect(entriesOf("git", { git: {} }).values).toEqual({});
    expect(entriesOf("git", { git: { commit: {} } }).values).toEqual({});
  });

  it("is an empty text when the field says so", () => {
    expect(entriesOf("git", { git: { commit: { message: "" } } }).values).toEqual({ git_commit_message: "" });
  });

  it("is not shown for another source", () => {
    const tree: Tree = { git: { branch: "main" }, workspace: { name: "w", task: { agent: "codex" } } };
    expect(entriesOf("workspace", tree).values).toEqual({ workspace_name: "w" });
    expect(entriesOf("task", tree).values).toEqual({ workspace_task_agent: "codex" });
  });
});

describe("what cannot be served", () => {
  it.each([
    ["an enum value that is not specified", { workspace: { task: { status: TaskStatus.UNSPECIFIED } } }],
    ["an enum value that the contract does not know", { workspace: { task: { status: 99 as TaskStatus } } }],
    ["a negative enum value", { workspace: { task: { status: -1 as TaskStatus } } }],
    ["NaN", { workspace: { task: { progress: Number.NaN } } }],
    ["infinity", { workspace: { task: { progress: Number.NEGATIVE_INFINITY } } }],
    ["a date before the year 1", { workspace: { task: { startedAt: { seconds: -62_135_596_801n } } } }],
    ["a date after the year 9999", { workspace: { task: { startedAt: { seconds: 253_402_300_800n } } } }],
    ["a date beyond all dates", { workspace: { task: { startedAt: { seconds: 2n ** 63n - 1n } } } }],
    ["negative nanoseconds", { workspace: { task: { startedAt: { seconds: 1n, nanos: -1 } } } }],
    ["too many nanoseconds", { workspace: { task: { startedAt: { seconds: 1n, nanos: 1_000_000_000 } } } }],
  ] as [string, Tree][])("is removed from both views: %s", (_, init) => {
    const { values, tree, truncated } = entriesOf("task", init);
    expect(values).toEqual({});
    expect(truncated.size).toBe(0);
    expect(toJson(WorkspaceMetadataSchema, tree)).toEqual({ workspace: { task: {} } });
    expect(() => toBinary(WorkspaceMetadataSchema, tree)).not.toThrow();
  });

  it.each([-1, 2 ** 32, 1.5, Number.NaN])(
    "is removed from both views: the number of files %d",
    (modifiedFiles) => {
      const { values, tree } = entriesOf("git", { git: { modifiedFiles, branch: "main" } });
      expect(values).toEqual({ git_branch: "main" });
      expect(toJson(WorkspaceMetadataSchema, tree)).toEqual({ git: { branch: "main" } });
      expect(() => toBinary(WorkspaceMetadataSchema, tree)).not.toThrow();
    },
  );

  it.each([
    ["the first moment", -62_135_596_800n, 0, "0001-01-01T00:00:00Z"],
    ["the last moment", 253_402_300_799n, 999_999_999, "9999-12-31T23:59:59.999999999Z"],
  ])("does not include %s that a date can express", (_, seconds, nanos, text) => {
    const { values } = entriesOf("task", { workspace: { task: { startedAt: { seconds, nanos } } } });
    expect(values).toEqual({ workspace_task_started_at: text });
  });
});

describe("a text", () => {
  it("S23: is cleaned in both views", () => {
    const { values, tree } = entriesOf("git", {
      git: { branch: "a\x1b[31mb\u202ec\ud800", remote: { url: "https://user:secret@host/o/r" } },
    });
    expect(values).toEqual({ git_branch: "abc\ufffd", git_remote_url: "https://host/o/r" });
    expect(toJson(WorkspaceMetadataSchema, tree)).toEqual({
      git: { branch: "abc\ufffd", remote: { url: "https://host/o/r" } },
    });
  });

  it("S23: is cut to 4,096 bytes of JSON and marked in its entry", () => {
    const { values, entries, truncated } = entriesOf("git", {
      git: { branch: "b", commit: { message: "é".repeat(4_000) } },
    });
    expect(truncated).toEqual(new Set(["git_commit_message"]));
    expect(entries.get("git_commit_message")?.truncated).toBe(true);
    expect(entries.get("git_branch")?.truncated).toBe(false);
    expect(values["git_commit_message"]).toBe("é".repeat(2_047));
  });
});

describe("a list", () => {
  const failing = (names: readonly string[]) => {
    const result = entriesOf("github", { github: { pr: { checks: { failing: [...names] } } } });
    const text = result.values["github_pr_checks_failing"];
    return {
      text: typeof text === "string" ? text : "",
      truncated: result.truncated.has("github_pr_checks_failing"),
      typed: result.tree.github?.pr?.checks?.failing ?? [],
    };
  };

  it("is joined by a comma", () => {
    expect(failing(["unit", "lint"])).toEqual({
      text: "unit, lint",
      truncated: false,
      typed: ["unit", "lint"],
    });
  });

  it("has no entry when it is empty", () => {
    expect(entriesOf("github", { github: { pr: { checks: { failing: [] } } } }).values).toEqual({});
  });

  it("S23: is cleaned element by element", () => {
    expect(failing(["a\x1b[0m", "b\u202e"]).typed).toEqual(["a", "b"]);
  });

  it("S23: fits exactly, or loses whole elements from its end and is marked", () => {
    const exact = ["a".repeat(2_045), "b".repeat(2_047)];
    expect(failing(exact)).toMatchObject({ truncated: false, typed: exact });
    expect(jsonBytes(failing(exact).text)).toBe(METADATA_LIMITS.valueBytes);
    expect(failing([...exact, ""])).toMatchObject({ truncated: true, typed: exact });
    expect(failing([exact[0] ?? "", `${exact[1]}b`, "c"])).toMatchObject({
      truncated: true,
      typed: [exact[0]],
    });
  });

  it("S23: of one element that is too long keeps the beginning", () => {
    expect(failing(["a".repeat(10_000)])).toMatchObject({ truncated: true, typed: ["a".repeat(4_094)] });
  });

  it("S23: any list fits, and its typed form is what the text shows", () => {
    const element = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.nat(3_000).map((n) => '"'.repeat(n)),
    );
    fc.assert(
      fc.property(fc.array(element, { maxLength: 20 }), (names) => {
        const { text, typed } = failing(names);
        expect(jsonBytes(text)).toBeLessThanOrEqual(METADATA_LIMITS.valueBytes);
        expect(typed.join(", ")).toBe(text);
      }),
    );
  });
});

describe("copying a leaf", () => {
  it("takes it alone, with the messages around it", () => {
    const from = create(WorkspaceMetadataSchema, {
      git: { branch: "main", commit: { hash: "abc", sha: "abcd" } },
    });
    const to = create(WorkspaceMetadataSchema);
    copyLeaf(catalogue, leafOf("git_commit_hash"), from, to);
    expect(toJson(WorkspaceMetadataSchema, to)).toEqual({ git: { commit: { hash: "abc" } } });
    copyLeaf(catalogue, leafOf("git_branch"), from, to);
    expect(toJson(WorkspaceMetadataSchema, to)).toEqual({ git: { branch: "main", commit: { hash: "abc" } } });
  });

  it("copies an absent leaf as nothing at all", () => {
    const to = create(WorkspaceMetadataSchema);
    copyLeaf(catalogue, leafOf("git_commit_hash"), create(WorkspaceMetadataSchema, { git: {} }), to);
    expect(toJson(WorkspaceMetadataSchema, to)).toEqual({});
  });
});

describe("an entry", () => {
  it("without a value says null, and why", () => {
    const entry = nullEntry(leafOf("git_branch"), "gone");
    expect(toJson(MetadataEntrySchema, entry)).toMatchObject({
      value: null,
      error: "gone",
      schema: { type: "string" },
    });
    expect(toJson(MetadataEntrySchema, nullEntry(leafOf("git_branch")))).not.toHaveProperty("error");
  });

  it("has the size that it takes in an answer", () => {
    const { entries } = entriesOf("git", { git: { branch: 'é"\n' } });
    const entry = entries.get("git_branch");
    const text = JSON.stringify({ git_branch: entry && toJson(MetadataEntrySchema, entry) });
    expect(entry && entryBytes("git_branch", entry)).toBe(Buffer.byteLength(text) - "{}".length + ",".length);
  });
});
