// Transcripts of agents' events, and the states that follow from them.

import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { HOOKED_AGENTS } from "../../src/hooks/agents.ts";
import { isDue, reactTo } from "../../src/hooks/event.ts";
import { parseFields } from "../../src/hooks/input.ts";
import type { TaskRecord } from "../../src/hooks/task-record.ts";
import { hookBench } from "../helpers/hook.ts";
import { until } from "../helpers/wait.ts";

type Transcript = readonly (readonly [event: object, status: string, description?: string | null])[];

const FOLDER = "test/fixtures/hooks";

const transcripts = readdirSync(FOLDER).flatMap((file) =>
  Object.entries(JSON.parse(readFileSync(`${FOLDER}/${file}`, "utf8")) as Record<string, Transcript>).map(
    ([name, transcript]) => ({ agent: basename(file, ".json"), name, transcript }),
  ),
);

describe("an event of which nothing but its name is known", () => {
  it.each([
    ["UserPromptSubmit", "running"],
    ["PreToolUse", "running"],
    ["PostToolUse", "running"],
    ["PermissionRequest", "waiting"],
    ["Elicitation", "waiting"],
    ["Stop", "idle"],
    ["StopFailure", "failed"],
    ["SessionEnd", "idle"],
    // Without details these may mean one thing or the other.
    ["SessionStart", undefined],
    ["PostToolUseFailure", undefined],
    ["Notification", undefined],
  ])("%s says %s", (hook_event_name, status) => {
    expect(react({ hook_event_name })?.status).toBe(status);
  });
});

describe("a transcript", () => {
  it.each(transcripts)("$agent: $name", async ({ agent, transcript }) => {
    const { tell, says } = hookBench();
    for (const [event, status, description] of transcript) {
      expect(await tell(agent, event)).toBe("");
      expect({ event, status: says()?.status }).toEqual({ event, status });
      expect(says()).toMatchObject({ agent });
      if (description !== undefined) {
        expect(says()?.description ?? null).toBe(description);
      }
    }
  });
});

const react = (event: object) => reactTo(parseFields(JSON.stringify(event)));

describe("a question that is open", () => {
  it("is not renewed by what others go on with", async () => {
    const { tell, says } = hookBench();
    await tell("claude-code", { hook_event_name: "PermissionRequest", agent_id: "a1", tool_name: "Bash" });
    const asked = says();
    await until(() => new Date().toISOString() !== asked?.updated_at, "another millisecond");
    await tell("claude-code", { hook_event_name: "PostToolUse", agent_id: "a2", tool_name: "Bash" });
    expect(says()).toEqual(asked);
  });
});

describe("the first transcript of an agent", () => {
  const first = (agent: string) => transcripts.find((transcript) => transcript.agent === agent);

  it.each(HOOKED_AGENTS)("is the same with a process for each event: %s", async (agent) => {
    const { run, says } = hookBench();
    const { transcript = [] } = first(agent) ?? {};
    expect(transcript).not.toHaveLength(0);
    for (const [event, status] of transcript) {
      expect(await run(agent, event)).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
      expect({ event, status: says()?.status }).toEqual({ event, status });
    }
  });
});

describe("a prompt", () => {
  it.each([
    ["is its first line that says something", "\n \n  Mend it \nand that", "Mend it"],
    ["is cut to a headline", "x".repeat(500), `${"x".repeat(199)}\u2026`],
    ["is cut between characters", "\u{1f600}".repeat(300), `${"\u{1f600}".repeat(199)}\u2026`],
    ["may say nothing", " \n", undefined],
  ])("%s", (_, prompt, description) => {
    expect(react({ hook_event_name: "UserPromptSubmit", prompt })?.description).toBe(description);
  });
});

describe("an event of another session", () => {
  const before: TaskRecord = { status: "waiting", session: "a", pid: 7 };
  const due = (event: object, by: string | number, isAlive: boolean, record = before): boolean => {
    const reaction = react({ source: "startup", ...event });
    const own = typeof by === "string" ? { session: by, pid: 8 } : { session: undefined, pid: by };
    return reaction !== undefined && isDue(reaction, record, own, () => isAlive);
  };

  it.each(["Stop", "SessionStart", "SessionEnd", "StopFailure"])(
    "says nothing about a task that one works on: %s",
    (hook_event_name) => {
      expect(due({ hook_event_name }, "b", true)).toBe(false);
      expect(due({ hook_event_name }, "a", true)).toBe(true);
      expect(due({ hook_event_name }, "b", false)).toBe(true);
      expect(due({ hook_event_name }, "b", true, { ...before, status: "idle" })).toBe(true);
    },
  );

  it("is known by the agent's process where its session is not", () => {
    expect(due({ hook_event_name: "Stop" }, 8, true)).toBe(false);
    expect(due({ hook_event_name: "Stop" }, 7, true)).toBe(true);
    expect(due({ hook_event_name: "Stop" }, 8, false)).toBe(true);
  });

  it("counts when it begins to work", () => {
    expect(due({ hook_event_name: "UserPromptSubmit", prompt: "x" }, "b", true)).toBe(true);
  });
});
