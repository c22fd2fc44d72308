import { describe, expect, it } from "vitest";
import { createLog } from "../../src/observability/log.ts";
import { createSourceLog } from "../../src/observability/source-log.ts";

/** A log of sources, and its lines as objects. */
async function setUp(level: "debug" | "info" = "debug") {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  const log = createSourceLog(await createLog({ level, format: "json", destination }));
  const say = (state: string, reason = "", message = "") => log("git", { state, reason, message });
  return { lines, log, say };
}

describe("the log of sources", () => {
  it("has a line for each change of state or reason, not one for each read", async () => {
    const { lines, say } = await setUp();
    for (let read = 0; read < 100; read += 1) {
      say("fresh");
    }
    say("stale", "TIMEOUT", "did not answer");
    say("stale", "TIMEOUT", "did not answer again");
    say("stale", "BROKEN", "it is broken");
    say("fresh");
    expect(lines.map(({ level, state, reason }) => [level, state, reason])).toEqual([
      [20, "fresh", undefined],
      [40, "stale", "TIMEOUT"],
      [40, "stale", "BROKEN"],
      [30, "fresh", undefined],
    ]);
    expect(lines[1]).toMatchObject({ source: "git", message: "did not answer", msg: "source git is stale" });
  });

  it("says nothing of a source that is well at the start", async () => {
    const { lines, say } = await setUp("info");
    say("fresh");
    say("fresh");
    expect(lines).toEqual([]);
  });

  it("keeps sources apart", async () => {
    const { lines, log } = await setUp();
    log("git", { state: "failed", reason: "BROKEN", message: "" });
    log("task", { state: "failed", reason: "BROKEN", message: "" });
    expect(lines.map(({ source }) => source)).toEqual(["git", "task"]);
  });

  it("has the error of a defect, which clients do not get", async () => {
    const { lines, log } = await setUp();
    log("git", { state: "failed", reason: "INTERNAL", message: "unexpected" }, new TypeError("the text"));
    expect(lines[0]).toMatchObject({ err: { type: "TypeError", message: "the text" } });
    expect(JSON.stringify(lines[0])).toContain("source-log.test.ts");
  });

  it("writes a hostile message on one line, without escapes", async () => {
    const { lines, say } = await setUp();
    say("failed", "BROKEN", "a\nb\x1b[31mc");
    expect(lines).toHaveLength(1);
  });
});
