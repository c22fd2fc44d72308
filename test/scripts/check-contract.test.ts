// The check that the contract is kept: what it lets pass, and what it does not.

import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/repository.ts";

const GIT = "proto/fleet/metadata/v1/git.proto";

/** Runs the check on a copy of the proto files in which one text is replaced. */
function check(
  file: string,
  before: string | RegExp,
  after: string,
): { status: number | null; output: string } {
  const directory = temporaryDirectory();
  cpSync("proto", join(directory, "proto"), { recursive: true });
  cpSync("buf.yaml", join(directory, "buf.yaml"));
  const text = readFileSync(file, "utf8");
  const changed = text.replace(before, after);
  expect(changed).not.toBe(text);
  writeFileSync(join(directory, file), changed);
  const { status, stdout, stderr } = spawnSync("node", ["scripts/check-contract.ts", "--proto", directory], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, output: stdout + stderr };
}

test.each<[string, RegExp, string]>([
  ["a field that is gone", /\n {2}optional string branch = 1[^;]*;/, ""],
  ["a field of another number", /optional string branch = 1 /, "optional string branch = 99 "],
  ["a field of another type", /optional string branch = 1 /, "optional uint32 branch = 1 "],
  ["a value that is gone", /\n {2}GIT_STATUS_CLEAN = 1;/, ""],
])("%s breaks it", (_, before, after) => {
  const { status, output } = check(GIT, before, after);
  expect(output).toContain("git.proto");
  expect(status).not.toBe(0);
});

test("a field that is new does not", () => {
  const { status, output } = check(
    GIT,
    "message Git {",
    'message Git {\n  // Tags at the commit.\n  optional uint32 tag_count = 99 [(key) = {description: "Tags"}];',
  );
  expect(output).toBe("");
  expect(status).toBe(0);
});
