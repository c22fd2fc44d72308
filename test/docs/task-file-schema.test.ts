// The published schema of the task file: what is written agrees with it, and it agrees with what is read.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { parseTaskFile } from "../../src/collectors/task/task-file.ts";
import { callProgram } from "../helpers/call-program.ts";
import { blocksOf } from "../helpers/documents.ts";
import { hookBench } from "../helpers/hook.ts";
import { emptyDirectory } from "../helpers/program.ts";

const ajv = new Ajv2020({ strict: true, allErrors: true });
formats.default(ajv);
const isValid = ajv.compile(JSON.parse(readFileSync("docs/task-file.schema.json", "utf8")) as object);

/** Whether a server takes it. */
function isRead(content: unknown): boolean {
  const nowMs = Date.UTC(2026, 0, 1);
  try {
    parseTaskFile(JSON.stringify(content), { modifiedMs: nowMs, nowMs });
    return true;
  } catch {
    return false;
  }
}

describe("the schema of the task file", () => {
  it.each([
    [true, { status: "idle" }],
    [true, { status: "running", description: "", progress: 0, agent: "x", url: "https://example.com/a?b=c" }],
    [true, { status: "waiting", progress: 99.5, pid: 1, cwd: "/" }],
    [true, { status: "completed", progress: 100, started_at: "2025-01-01T00:00:00Z" }],
    [true, { status: "failed", updated_at: "2025-01-01T00:00:00.123456+02:00", mood: "good" }],
    [true, { status: "idle", url: "HTTP://example.com", session: "s", order: "b:1:2" }],
    [false, {}],
    [false, []],
    [false, null],
    [false, "idle"],
    [false, { status: "sleeping" }],
    [false, { status: "RUNNING" }],
    [false, { status: null }],
    [false, { status: "idle", description: 1 }],
    [false, { status: "idle", progress: -1 }],
    [false, { status: "idle", progress: 100.1 }],
    [false, { status: "idle", progress: "50" }],
    [false, { status: "idle", agent: [] }],
    [false, { status: "idle", url: "nowhere" }],
    [false, { status: "idle", url: "ftp://example.com" }],
    [false, { status: "idle", pid: 0 }],
    [false, { status: "idle", pid: 1.5 }],
    [false, { status: "idle", cwd: "relative" }],
    [false, { status: "idle", started_at: "yesterday" }],
    [false, { status: "idle", started_at: "2026-02-30T00:00:00Z" }],
    [false, { status: "idle", updated_at: "2026-01-01T00:00:00" }],
    [false, { status: "idle", updated_at: 1 }],
  ])("says %s of %j, and so does the server", (expected, content) => {
    expect({ schema: isValid(content), server: isRead(content) }).toEqual({
      schema: expected,
      server: expected,
    });
  });

  it("holds for the example of docs/sources.md", () => {
    const [example] = blocksOf("docs/sources.md").filter(({ language }) => language === "json");
    const content: unknown = JSON.parse(example?.text ?? "");
    expect({ schema: isValid(content), server: isRead(content) }).toEqual({ schema: true, server: true });
  });

  it("holds for what `task set` writes", async () => {
    const cwd = emptyDirectory();
    const words = [
      "--progress",
      "5",
      "--description",
      "x",
      "--agent",
      "a",
      "--pid",
      "1",
      "--url",
      "http://x.y",
    ];
    for (const args of [["running", ...words], ["waiting"], ["completed"], ["failed"], ["idle"]]) {
      await callProgram(["task", "set", ...args], { cwd });
      const content: unknown = JSON.parse(readFileSync(join(cwd, "task.json"), "utf8"));
      expect({ valid: isValid(content), errors: isValid.errors }).toEqual({ valid: true, errors: null });
      expect(isRead(content)).toBe(true);
    }
  });

  it("holds for what hooks write", async () => {
    const { run, says } = hookBench();
    for (const event of [
      { hook_event_name: "UserPromptSubmit", prompt: "x" },
      { hook_event_name: "PermissionRequest", agent_id: "a1", tool_name: "Bash" },
      { hook_event_name: "Stop" },
      { hook_event_name: "SessionEnd", reason: "other" },
    ]) {
      await run("claude-code", event);
      expect({ valid: isValid(says()), errors: isValid.errors }).toEqual({ valid: true, errors: null });
      expect(isRead(says())).toBe(true);
    }
  });
});
