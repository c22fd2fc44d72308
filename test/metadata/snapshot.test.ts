import { create, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { MetadataEntrySchema, SourceState } from "../../src/gen/fleet/metadata/v1/envelope_pb.ts";
import { WorkspaceMetadataSchema } from "../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { cleanTree, flatten } from "../../src/metadata/flatten.ts";
import { METADATA_LIMITS } from "../../src/metadata/limits.ts";
import { selectKeys } from "../../src/metadata/selection.ts";
import { createSnapshot, type Snapshot } from "../../src/metadata/snapshot.ts";
import type { SourceReport } from "../../src/metadata/source-report.ts";

type Tree = MessageInitShape<typeof WorkspaceMetadataSchema>;

const catalogue = createCatalogue();
const git: Tree = { git: { branch: "main", ahead: 2, stashes: 0, commit: { message: "x".repeat(5_000) } } };
const workspace: Tree = { workspace: { name: "w", hostname: "h" } };

function report(source: string, state: SourceState, tree?: Tree, message = ""): [string, SourceReport] {
  const metadata = tree && create(WorkspaceMetadataSchema, tree);
  const truncated = metadata ? cleanTree(catalogue, source, metadata) : new Set<string>();
  const reason = message === "" ? "" : "REASON";
  return [source, { state, reason, message, truncated, ...(metadata && { metadata }) }];
}

function snapshotOf(reports: readonly [string, SourceReport][], totalBytes = METADATA_LIMITS.totalBytes) {
  return createSnapshot(catalogue, new Map(reports), "run.1", { ...METADATA_LIMITS, totalBytes });
}

/** The flat map as JSON. */
function dataOf({
  entries,
}: Snapshot): Record<string, { value: unknown; error?: string; truncated?: boolean }> {
  const members = [...entries].map(([key, entry]) => [key, toJson(MetadataEntrySchema, entry)]);
  return Object.fromEntries(members);
}

function bytesOf(snapshot: Snapshot): number {
  return Buffer.byteLength(JSON.stringify(dataOf(snapshot)));
}

describe("what a source contributes, by its state", () => {
  it("fresh: all its entries, as collected", () => {
    const data = dataOf(snapshotOf([report("git", SourceState.FRESH, git, "a warning")]));
    expect(Object.keys(data)).toEqual(["git_branch", "git_commit_message", "git_stashes", "git_ahead"]);
    expect(data["git_branch"]).toMatchObject({ value: "main" });
    expect(data["git_stashes"]).toMatchObject({ value: 0 });
    expect(data["git_commit_message"]).toMatchObject({ truncated: true });
    expect(Object.values(data).filter(({ error }) => error !== undefined)).toEqual([]);
  });

  it("stale: the last good ones, with an error where the key is in lists", () => {
    const data = dataOf(snapshotOf([report("git", SourceState.STALE, git, "it is broken")]));
    expect(data["git_branch"]).toMatchObject({ value: "main", error: "it is broken" });
    expect(data["git_ahead"]).toMatchObject({ value: 2, error: "it is broken" });
    expect(data["git_stashes"]).not.toHaveProperty("error");
    expect(data["git_commit_message"]).toMatchObject({ truncated: true });
    expect(data).not.toHaveProperty("git_behind");
    expect(data).not.toHaveProperty("git_status");
  });

  it("failed: null and an error for every key in lists, and nothing else", () => {
    const snapshot = snapshotOf([report("git", SourceState.FAILED, undefined, "it is broken")]);
    const data = dataOf(snapshot);
    const listed = catalogue.leaves.filter(({ source, schema }) => source === "git" && schema.includeInList);
    expect(Object.keys(data)).toEqual(listed.map(({ key }) => key));
    for (const entry of Object.values(data)) {
      expect(entry).toMatchObject({ value: null, error: "it is broken" });
    }
    expect(toJson(WorkspaceMetadataSchema, snapshot.tree(catalogue.leaves))).toEqual({});
  });

  it.each([
    ["no data", SourceState.NO_DATA],
    ["pending", SourceState.PENDING],
    ["disabled", SourceState.DISABLED],
  ])("%s: nothing", (_, state) => {
    expect(dataOf(snapshotOf([report("git", state, undefined, "why")]))).toEqual({});
  });

  it("is its own: another source's failure changes nothing", () => {
    const fresh = report("workspace", SourceState.FRESH, workspace);
    const alone = dataOf(snapshotOf([fresh]));
    const beside = dataOf(snapshotOf([report("git", SourceState.FAILED, undefined, "broken"), fresh]));
    expect(beside).toMatchObject(alone);
  });

  it("stands in the order of the catalogue, whatever the order of the sources", () => {
    const reports = [
      report("task", SourceState.FRESH, { workspace: { task: { agent: "codex" } } }),
      report("workspace", SourceState.FRESH, workspace),
      report("git", SourceState.FRESH, git),
    ];
    const order = catalogue.leaves.map(({ key }) => key);
    const keys = [...snapshotOf(reports).entries.keys()];
    expect(keys).toEqual(keys.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
  });
});

describe("the typed view", () => {
  const reports = [
    report("git", SourceState.STALE, git, "broken"),
    report("workspace", SourceState.FRESH, workspace),
    report("task", SourceState.FRESH, { workspace: { task: { progress: 50, startedAt: { seconds: 1n } } } }),
    report("github", SourceState.FRESH, { github: { pr: { checks: { failing: ["a", "b"] } } } }),
  ];

  it.each([
    [[]],
    [["git_branch"]],
    [["git_c*", "workspace_task_progress"]],
    [["workspace_*"]],
    [["unknown"]],
  ])("says the same as the flat one: %j", (names) => {
    const selection = selectKeys(catalogue, names);
    const snapshot = snapshotOf(reports);
    const tree = snapshot.tree(selection.leaves);
    const flat = new Map(
      ["git", "github", "workspace", "task"].flatMap((source) => [
        ...flatten(catalogue, source, tree, new Set<string>()),
      ]),
    );
    const keys = selection.leaves.map(({ key }) => key);
    const selected = [...snapshot.entries].filter(([key]) => keys.includes(key));
    expect(selected.length > 0).toBe(selection.leaves.length > 0);
    expect([...flat.keys()].toSorted()).toEqual(selected.map(([key]) => key).toSorted());
    for (const [key, entry] of selected) {
      expect(flat.get(key)?.value).toEqual(entry.value);
    }
  });

  it("merges sources that share a section", () => {
    expect(toJson(WorkspaceMetadataSchema, snapshotOf(reports).tree(catalogue.leaves))).toMatchObject({
      workspace: { name: "w", task: { progress: 50 } },
    });
  });
});

describe("the limit on the sum", () => {
  const reports = [
    report("git", SourceState.FRESH, git),
    report("workspace", SourceState.FRESH, workspace),
    report("task", SourceState.FRESH, { workspace: { task: { description: "d", agent: "codex" } } }),
  ];
  const whole = snapshotOf(reports);

  it("S23: is exact", () => {
    expect(snapshotOf(reports, bytesOf(whole)).dropped.size).toBe(0);
    expect(snapshotOf(reports, bytesOf(whole) - 1).dropped.size).toBe(1);
  });

  it("S23: drops from the end of the catalogue, keys that are not in lists first", () => {
    const isListed = (key: string) => catalogue.byKey.get(key)?.schema.includeInList ?? false;
    const fromTheEnd = [...whole.entries.keys()].toReversed();
    const order = [...fromTheEnd.filter((key) => !isListed(key)), ...fromTheEnd.filter(isListed)];
    for (let limit = bytesOf(whole); limit > 0; limit -= 50) {
      const snapshot = snapshotOf(reports, limit);
      const gone = order.filter((key) => !snapshot.entries.has(key));
      expect(gone).toEqual(order.slice(0, gone.length));
      expect(bytesOf(snapshot) <= limit || snapshot.entries.size === 0).toBe(true);
      const counted = [...snapshot.dropped.values()].reduce((sum, count) => sum + count, 0);
      expect(counted).toBe(gone.length);
      for (const [source, count] of snapshot.dropped) {
        expect(gone.filter((key) => catalogue.byKey.get(key)?.source === source)).toHaveLength(count);
      }
    }
    expect(snapshotOf(reports, 0).entries.size).toBe(0);
  });

  it("S23: holds for the typed view too", () => {
    const snapshot = snapshotOf(reports, bytesOf(whole) - 1);
    expect(snapshot.dropped).toEqual(new Map([["task", 1]]));
    expect(toJson(WorkspaceMetadataSchema, snapshot.tree(catalogue.leaves))).toMatchObject({
      workspace: { task: { description: "d" } },
    });
    expect(snapshot.tree(catalogue.leaves).workspace?.task?.agent).toBeUndefined();
  });
});
