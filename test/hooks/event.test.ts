// Transcripts of agents' events, and the states that follow from them.

import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { isDue, reactTo } from "../../src/hooks/event.ts";
import { parseFields } from "../../src/hooks/input.ts";
import type { TaskRecord } from "../../src/hooks/task-record.ts";
import { hookBench } from "../helpers/hook.ts";

type Transcript = readonly (readonly [event: object, status: string, description?: string | null])[];

const FOLDER = "test/fixtures/hooks";

const transcripts = readdirSync(FOLDER).flatMap((file) =>
  Object.entries(JSON.parse(readFileSync(`${FOLDER}/${file}`, "utf8")) as Record<string, Transcript>).map(
    ([name, transcript]) => ({ agent: basename(file, ".json"), name, transcript }),
  ),
);

describe("a transcript", () => {
  it.each(transcripts)("$agent: $name", async ({ agent, transcript }) => {
    const { run, says } = hookBench();
    for (const [event, status, description] of transcript) {
      expect(await run(agent, event)).toMatchObject({ code: 0, stdout: "", stderr: "" });
      expect({ event, status: says()?.status }).toEqual({ event, status });
      expect(says()).toMatchObject({ agent });
      if (description !== undefined) {
        expect(says()?.description ?? null).toBe(description);
      }
    }
  });
});

const react = (event: object) => reactTo(parseFields(JSON.stringify(event)));

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
  const due = (event: object, session: string, isAlive: boolean, record = before): boolean => {
    const reaction = react(event);
    return reaction !== undefined && isDue(reaction, record, session, () => isAlive);
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

  it("counts when it begins to work", () => {
    expect(due({ hook_event_name: "UserPromptSubmit", prompt: "x" }, "b", true)).toBe(true);
  });
});
