import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { InvalidRequestError } from "../../src/metadata/invalid-request-error.ts";
import { selectKeys } from "../../src/metadata/selection.ts";

const catalogue = createCatalogue();
const select = (...names: string[]) => selectKeys(catalogue, names);
const keysOf = (...names: string[]) => select(...names).leaves.map(({ key }) => key);
const everything = catalogue.leaves.map(({ key }) => key);

describe("a selection", () => {
  it("without names is everything", () => {
    for (const selection of [selectKeys(catalogue), select(), select(""), select("", "  ")]) {
      expect(selection.leaves).toEqual(catalogue.leaves);
      expect(selection.id).toBe("");
      expect(selection.unknown).toEqual([]);
      expect(selection.sources).toEqual(new Set(["git", "github", "workspace", "task"]));
    }
  });

  it("takes exact names, in the order of the catalogue, each once", () => {
    expect(keysOf("workspace_name", "git_branch", "git_branch", " git_branch ")).toEqual([
      "git_branch",
      "workspace_name",
    ]);
  });

  it("takes prefixes", () => {
    expect(keysOf("git_commit_*")).toEqual(everything.filter((key) => key.startsWith("git_commit_")));
    expect(keysOf("git_commit_*", "git_commit_hash")).toEqual(keysOf("git_commit_*"));
    expect(keysOf("*")).toEqual(everything);
  });

  it("takes a star in the middle, or an exact name that is only a prefix, for an unknown name", () => {
    expect(select("git_*_hash", "git_commit", "nothing_*")).toMatchObject({
      leaves: [],
      unknown: ["git_*_hash", "git_commit", "nothing_*"],
    });
  });

  it("lists unknown names in the order they were asked for, each once", () => {
    const { leaves, unknown } = select("zz", "git_branch", "aa", "zz", "GIT_BRANCH", "__proto__");
    expect(leaves.map(({ key }) => key)).toEqual(["git_branch"]);
    expect(unknown).toEqual(["zz", "aa", "GIT_BRANCH", "__proto__"]);
  });

  it("waits for the sources of its keys only", () => {
    expect(select("workspace_task_status", "workspace_name").sources).toEqual(new Set(["workspace", "task"]));
    expect(select("unknown").sources).toEqual(new Set());
  });

  it("is refused with more than 1,000 names", () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `name_${index}`);
    expect(select(...names).unknown).toEqual(names);
    expect(select(...names, ...names, "").unknown).toEqual(names);
    expect(() => select(...names, "one_more")).toThrow(InvalidRequestError);
    expect(() => select(...names, "one_more")).toThrow("keys: 1001 names, allowed are at most 1000");
  });

  it("has the same id as an equal one, and no other", () => {
    expect(select("git_branch", "git_status").id).toBe(select("git_status", "git_branch", "git_branch").id);
    expect(select("git_commit_*").id).toBe(select(...keysOf("git_commit_*")).id);
    expect(select("*").id).toBe(select().id);
    expect(select(...everything).id).toBe(select().id);
    const different = [
      select(),
      select("git_branch"),
      select("git_status"),
      select("x"),
      select("*", "x"),
      select("x", "y"),
      select("y", "x"),
    ];
    expect(new Set(different.map(({ id }) => id)).size).toBe(different.length);
  });

  it("S25: of any names throws nothing, and every name is found or unknown", () => {
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(...everything),
      fc.constantFrom("*", "git_*", "git_**"),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 20 }), (names) => {
        const { leaves, unknown, id } = select(...names);
        for (const wanted of names.map((text) => text.trim()).filter((text) => text !== "")) {
          const found = leaves.some(
            ({ key }) => key === wanted || (wanted.endsWith("*") && key.startsWith(wanted.slice(0, -1))),
          );
          expect(found !== unknown.includes(wanted)).toBe(true);
        }
        expect(select(...names, ...names).id).toBe(id);
      }),
    );
  });
});
