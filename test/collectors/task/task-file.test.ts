import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CollectError } from "../../../src/collectors/collector.ts";
import { parseTaskFile } from "../../../src/collectors/task/task-file.ts";
import { WorkspaceMetadataSchema } from "../../../src/gen/fleet/metadata/v1/workspace_metadata_pb.ts";
import { TaskSchema, TaskStatus } from "../../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { createCatalogue } from "../../../src/metadata/catalogue.ts";
import { cleanTree } from "../../../src/metadata/flatten.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const WRITTEN_MS = NOW_MS - 5_000;

function parse(content: unknown) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const { task, ...rest } = parseTaskFile(text, { modifiedMs: WRITTEN_MS, nowMs: NOW_MS });
  return { ...rest, task: create(TaskSchema, task) };
}

function refused(content: unknown): CollectError {
  try {
    parse(content);
  } catch (error) {
    if (error instanceof CollectError) {
      return error;
    }
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a task file", () => {
  it("says everything that it can say", () => {
    const { task, cwd, pid, updatedMs, warning } = parse({
      status: "running",
      description: "Mend the login",
      progress: 12.5,
      agent: "claude-code",
      url: "https://example.com/task/1",
      started_at: "2026-01-01T12:00:00+02:00",
      updated_at: "2026-01-01T11:59:00.250Z",
      pid: 4711,
      cwd: "/w",
    });
    expect(toJson(TaskSchema, task)).toEqual({
      status: "TASK_STATUS_RUNNING",
      description: "Mend the login",
      progress: 12.5,
      agent: "claude-code",
      url: "https://example.com/task/1",
      startedAt: "2026-01-01T10:00:00Z",
      updatedAt: "2026-01-01T11:59:00.250Z",
    });
    expect({ cwd, pid }).toEqual({ cwd: "/w", pid: 4711 });
    expect(updatedMs).toBe(NOW_MS - 59_750);
    expect(warning).toBeUndefined();
  });

  it("needs to say no more than the status; it was updated when it was written", () => {
    const { task, cwd } = parse({ status: "idle" });
    expect(task).toMatchObject({ status: TaskStatus.IDLE });
    expect(task.updatedAt && timestampDate(task.updatedAt).getTime()).toBe(WRITTEN_MS);
    expect(toJson(TaskSchema, task)).not.toHaveProperty("progress");
    expect(cwd).toBeUndefined();
  });

  it.each(["idle", "running", "waiting", "completed", "failed"])("may say that the agent is %s", (status) => {
    const { task } = parse({ status });
    expect(toJson(TaskSchema, task)).toMatchObject({ status: `TASK_STATUS_${status.toUpperCase()}` });
  });

  it("may say what only a newer version understands", () => {
    expect(parse({ status: "idle", mood: "good", nested: [{}] }).task.status).toBe(TaskStatus.IDLE);
  });

  it.each([0, 100])("may say a progress of %d", (progress) => {
    expect(parse({ status: "running", progress }).task.progress).toBe(progress);
  });
});

describe("a task file that is refused", () => {
  it.each([
    ["empty", ""],
    ["half written", '{"status": "runn'],
    ["not JSON", "status: running"],
    ["two values", "{} {}"],
    ["begins with a byte-order mark", '\ufeff{"status": "idle"}'],
    ["nothing but brackets", "[".repeat(65_536)],
    ["nothing but NUL", "\0".repeat(100)],
  ])("S19: is not JSON: %s", (_, text) => {
    expect(refused(text)).toMatchObject({ reason: "TASK_FILE_NOT_JSON", invalidates: false });
  });

  it.each([
    ["a status that is unknown", { status: "sleeping" }],
    ["a status in capitals", { status: "RUNNING" }],
    ["a name that every object has", { status: "constructor" }],
  ])("S19: has a status word that is not known: %s", (_, content) => {
    const { reason, message } = refused(content);
    expect(reason).toBe("TASK_FILE_UNKNOWN_STATUS");
    expect(message).toContain(content.status);
    expect(message).toContain("idle, running, waiting, completed, failed");
  });

  it.each([
    ["status", {}],
    ["status", { status: 1 }],
    ["status", { status: null }],
    ["description", { status: "idle", description: 1 }],
    ["progress", { status: "idle", progress: "50" }],
    ["progress", { status: "idle", progress: -0.1 }],
    ["progress", { status: "idle", progress: 100.1 }],
    ["progress", '{"status": "idle", "progress": 1e999}'],
    ["agent", { status: "idle", agent: ["x"] }],
    ["url", { status: "idle", url: {} }],
    ["pid", { status: "idle", pid: 0 }],
    ["pid", { status: "idle", pid: 1.5 }],
    ["cwd", { status: "idle", cwd: "relative" }],
    ["started_at", { status: "idle", started_at: "yesterday" }],
    ["started_at", { status: "idle", started_at: 1_700_000_000 }],
    ["started_at", { status: "idle", started_at: "2026-02-30T00:00:00Z" }],
    ["started_at", { status: "idle", started_at: "2026-01-01T00:00:00" }],
    ["updated_at", { status: "idle", updated_at: "2026-13-01T00:00:00Z" }],
    ["updated_at", { status: "idle", updated_at: "" }],
  ])("S19: has a wrong %s: %j", (field, content) => {
    const { reason, message } = refused(content);
    expect(reason).toBe("TASK_FILE_INVALID");
    expect(message).toContain(`${field}: `);
  });

  it.each(["null", "[]", '"idle"', "1", "true"])("S19: is no object: %s", (text) => {
    expect(refused(text).reason).toBe("TASK_FILE_INVALID");
  });
});

describe("a date in the future", () => {
  it("S19: is left out and said beside the rest, which is served", () => {
    const { task, warning } = parse({ status: "waiting", started_at: "2026-01-01T12:05:00Z" });
    expect(task.status).toBe(TaskStatus.WAITING);
    expect(task.startedAt).toBeUndefined();
    expect(warning).toMatchObject({
      reason: "TASK_FILE_FUTURE_DATE",
      message: expect.stringContaining("started_at"),
    });
  });

  it("S19: is no time of an update: the file was updated when it was written", () => {
    const { task, warning } = parse({ status: "waiting", updated_at: "2126-01-01T12:00:00Z" });
    expect(task.updatedAt && timestampDate(task.updatedAt).getTime()).toBe(WRITTEN_MS);
    expect(warning).toMatchObject({
      reason: "TASK_FILE_FUTURE_DATE",
      message: expect.stringContaining("updated_at"),
    });
  });

  it("S19, S22: is no time of writing either, after the clock was set back: when it was updated is not known", () => {
    const times = { modifiedMs: NOW_MS + 86_400_000, nowMs: NOW_MS };
    const { task, updatedMs, warning } = parseTaskFile('{"status": "idle"}', times);
    expect(task.updatedAt).toBeUndefined();
    expect(updatedMs).toBe(NOW_MS);
    expect(warning).toBeUndefined();
    expect(parseTaskFile('{"status": "idle"}', { ...times, nowMs: NOW_MS + 5_000 }).task).toEqual(task);
  });

  it("is none within the difference that clocks may have", () => {
    const { task, warning } = parse({ status: "idle", updated_at: "2026-01-01T12:00:30Z" });
    expect(task.updatedAt && timestampDate(task.updatedAt).getTime()).toBe(NOW_MS + 30_000);
    expect(warning).toBeUndefined();
  });
});

describe("any task file", () => {
  const catalogue = createCatalogue();
  const date = fc.oneof(
    fc
      .date({ noInvalidDate: false })
      .map((value) => (Number.isNaN(value.getTime()) ? "x" : value.toISOString())),
    fc.stringMatching(
      /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d(:[0-6]\d(\.\d{1,12})?)?(Z|[+-][0-2]\d:?[0-6]\d)$/,
    ),
  );
  const content = fc.record(
    {
      status: fc.oneof(fc.constantFrom("idle", "running", "failed"), fc.string()),
      description: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()),
      progress: fc.oneof(fc.double(), fc.integer({ min: 0, max: 100 })),
      agent: fc.string(),
      started_at: date,
      updated_at: date,
      cwd: fc.oneof(fc.constant("/w"), fc.string()),
      pid: fc.integer(),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    content.map((value) => JSON.stringify(value)),
    content.map((value) => JSON.stringify({ ...value, status: "running" })),
    fc.tuple(content, fc.nat(200)).map(([value, end]) => JSON.stringify(value).slice(0, end)),
  );

  it("S25: is read, or refused with this module's own error, and what was read can be served", () => {
    // Any time that the kernel can hold, and any that the system's clock can show.
    const modified = fc.double({ noNaN: true, min: -(2 ** 63), max: 2 ** 63 });
    const now = fc.double({ noNaN: true, min: -8.64e15, max: 8.64e15 });
    fc.assert(
      fc.property(text, modified, now, (raw, modifiedMs, nowMs) => {
        try {
          const { task } = parseTaskFile(raw, { modifiedMs, nowMs });
          const tree = create(WorkspaceMetadataSchema, { workspace: { task } });
          cleanTree(catalogue, "task", tree);
          toJson(WorkspaceMetadataSchema, tree);
          toBinary(WorkspaceMetadataSchema, tree);
        } catch (error) {
          expect(error).toBeInstanceOf(CollectError);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
