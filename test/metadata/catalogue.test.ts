import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileRegistry, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { closestKey, createCatalogue } from "../../src/metadata/catalogue.ts";

const directory = mkdtempSync(join(tmpdir(), "fleet-metadata-catalogue-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Compiles a tree with buf and returns its root message `Root`. */
function compile(body: string): DescMessage {
  const file = join(directory, "tree.proto");
  writeFileSync(
    file,
    `syntax = "proto3"; package tree; import "fleet/metadata/v1/options.proto"; import "google/protobuf/timestamp.proto"; ${body}`,
  );
  const options = readFileSync("proto/fleet/metadata/v1/options.proto");
  execFileSync("mkdir", ["-p", join(directory, "fleet/metadata/v1")]);
  writeFileSync(join(directory, "fleet/metadata/v1/options.proto"), options);
  const image = execFileSync("buf", ["build", directory, "--as-file-descriptor-set", "-o", "-"]);
  const message = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getMessage("tree.Root");
  if (message === undefined) {
    throw new Error("the tree has no message Root");
  }
  return message;
}

describe("the catalogue", () => {
  const catalogue = createCatalogue();

  it("has the keys, types, values and list columns that clients were promised", () => {
    const promised = JSON.parse(readFileSync("test/metadata/promised-keys.json", "utf8")) as Record<
      string,
      { type: string; list?: true; values?: string[] }
    >;
    for (const [key, { type, list, values }] of Object.entries(promised)) {
      const schema = catalogue.byKey.get(key)?.schema;
      expect(schema, key).toMatchObject({ type, includeInList: list ?? false, values: values ?? [] });
    }
  });

  it("gives every key a description, a source and a name within the limit", () => {
    expect(catalogue.leaves.length).toBeGreaterThan(60);
    for (const leaf of catalogue.leaves) {
      expect(leaf.schema.description, leaf.key).toMatch(/^[A-Z].*[^.]$/);
      expect(leaf.source, leaf.key).toMatch(/^[a-z]+$/);
      expect(leaf.key).toMatch(/^[a-z][a-z0-9_]{0,255}$/);
    }
  });

  it("takes a leaf's source from the nearest message that names one", () => {
    expect(catalogue.byKey.get("workspace_name")?.source).toBe("workspace");
    expect(catalogue.byKey.get("workspace_task_status")?.source).toBe("task");
    expect(catalogue.byKey.get("github_pr_checks_failing")?.source).toBe("github");
    expect([...catalogue.bySource.keys()]).toEqual(
      expect.arrayContaining(["git", "github", "workspace", "task"]),
    );
  });

  it("names the closest known key", () => {
    expect(closestKey(catalogue, "git_brnch")).toBe("git_branch");
    expect(closestKey(catalogue, "GIT_STATUS")).toBe("git_status");
    expect(closestKey(catalogue, "x".repeat(100_000))).toBeDefined();
  });

  it("S25: names a known key as the closest one to any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (unknown) => {
        expect(catalogue.byKey.has(closestKey(catalogue, unknown) ?? "")).toBe(true);
      }),
    );
  });

  const key = `[(fleet.metadata.v1.key) = {description: "A leaf"}]`;
  it.each([
    {
      fault: "two leaves with one key",
      body: `message Root { option (fleet.metadata.v1.source) = "git"; optional string a_b = 1 ${key}; A a = 2; } message A { optional string b = 1 ${key}; }`,
      error: /have the same key "a_b"/,
    },
    {
      fault: "a leaf without description",
      body: `message Root { option (fleet.metadata.v1.source) = "git"; optional string a = 1 [(fleet.metadata.v1.key) = {}]; }`,
      error: /tree\.Root\.a has no description/,
    },
    {
      fault: "a leaf without source",
      body: `message Root { optional string a = 1 ${key}; }`,
      error: /tree\.Root\.a has no source/,
    },
    {
      fault: "a field that is neither leaf nor message",
      body: `message Root { optional string a = 1; }`,
      error: /tree\.Root\.a is neither a message nor a leaf/,
    },
    {
      fault: "a 64-bit number, which JSON cannot hold",
      body: `message Root { option (fleet.metadata.v1.source) = "git"; optional uint64 a = 1 ${key}; }`,
      error: /tree\.Root\.a has a type that has no place/,
    },
    {
      fault: "a message as leaf",
      body: `message Root { option (fleet.metadata.v1.source) = "git"; A a = 1 ${key}; } message A { optional string b = 1 ${key}; }`,
      error: /tree\.Root\.a has a type that has no place/,
    },
    {
      fault: "a message within itself",
      body: `message Root { A a = 1; } message A { A a = 1; }`,
      error: /tree\.A\.a makes the tree endless/,
    },
    {
      fault: "a key that is too long",
      body: `message Root { option (fleet.metadata.v1.source) = "git"; optional string ${"a".repeat(257)} = 1 ${key}; }`,
      error: /has a key of 257 characters/,
    },
  ])("refuses $fault", ({ body, error }) => {
    expect(() => createCatalogue(compile(body))).toThrow(error);
  });
});
