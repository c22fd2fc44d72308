import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChange, parseRecord, type TaskRecord } from "../../src/hooks/task-record.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const NOW = "2026-01-01T12:00:00.000Z";
const BEFORE: TaskRecord = {
  status: "running",
  description: "Mend it",
  progress: 10,
  agent: "codex",
  started_at: "2026-01-01T11:00:00.000Z",
  updated_at: "2026-01-01T11:30:00.000Z",
  cwd: "/w",
  pid: 7,
};

describe("the next state", () => {
  it.each(["running", "waiting", "completed", "failed", "idle"] as const)(
    "of a task that goes on keeps what is not said anew: %s",
    (status) => {
      expect(applyChange(BEFORE, { status, progress: 20 }, NOW_MS)).toEqual({
        ...BEFORE,
        status,
        progress: 20,
        updated_at: NOW,
      });
    },
  );

  it.each(["idle", "completed", "failed"] as const)(
    "after %s is a new task when the agent works",
    (status) => {
      expect(applyChange({ ...BEFORE, status }, { status: "running" }, NOW_MS)).toEqual({
        status: "running",
        started_at: NOW,
        updated_at: NOW,
      });
      expect(applyChange({ ...BEFORE, status }, { status: "idle" }, NOW_MS).description).toBe("Mend it");
    },
  );

  it("is a new task in another workspace", () => {
    expect(applyChange(BEFORE, { status: "running", cwd: "/other" }, NOW_MS)).toEqual({
      status: "running",
      cwd: "/other",
      started_at: NOW,
      updated_at: NOW,
    });
  });

  it("of nothing has a beginning only when the agent works", () => {
    expect(applyChange(undefined, { status: "waiting" }, NOW_MS).started_at).toBe(NOW);
    expect(applyChange(undefined, { status: "completed" }, NOW_MS)).toEqual({
      status: "completed",
      updated_at: NOW,
    });
  });
});

describe("what another writer wrote", () => {
  it("is kept as far as it is of the right type", () => {
    expect(parseRecord('{"status": "idle", "agent": 7, "pid": "x", "progress": 5, "mood": "good"}')).toEqual({
      status: "idle",
      progress: 5,
    });
  });

  it.each(["", "{", "null", "[]", "7", "{}", '{"status": "toString"}', '{"status": ["idle"]}'])(
    "is nothing when it has no status: %s",
    (text) => {
      expect(parseRecord(text)).toBeUndefined();
    },
  );

  it("S25: is a record or nothing, whatever the text is", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc
        .record(
          {
            status: fc.oneof(fc.constantFrom("idle", "running"), fc.jsonValue()),
            pid: fc.jsonValue(),
            agent: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (given) => {
        const record = parseRecord(given);
        expect(["undefined", "string"]).toContain(typeof record?.status);
        expect(["undefined", "number"]).toContain(typeof record?.pid);
      }),
    );
  });
});
