import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  addHooks,
  HooksShapeError,
  hookCommand,
  removeHooks,
} from "../../../src/cli/install/hook-entries.ts";

const COMMAND = hookCommand(["/opt/node", "/opt/main.js", "task", "hook", "claude-code"]);
const EVENTS = of(COMMAND, "Stop", "PreToolUse");

/** The same command for several events. */
function of(command: string, ...events: string[]): ReadonlyMap<string, string> {
  return new Map(events.map((event) => [event, command]));
}

const SETTINGS = `{
    "model": "opus",
    "hooks": {
        "PreToolUse": [
            { "matcher": "Bash", "hooks": [{ "type": "command", "command": "check.sh" }] }
        ],
        "SubagentStop": []
    },
    "number": 1.50,
    "unknown": [1,2,  3]
}`;

/** The commands of an event. */
function commands(text: string, event: string): string[] {
  const { hooks } = JSON.parse(text) as {
    hooks?: Record<string, { hooks: { command: string }[] }[]>;
  };
  return (hooks?.[event] ?? []).flatMap((group) => group.hooks.map(({ command }) => command));
}

describe("our hooks", () => {
  it("stand beside what is there", () => {
    const added = addHooks(SETTINGS, EVENTS);
    expect(commands(added, "PreToolUse")).toEqual(["check.sh", COMMAND]);
    expect(commands(added, "Stop")).toEqual([COMMAND]);
    for (const line of SETTINGS.split("\n")) {
      expect(added).toContain(line.replace(/^\s+|[,\]}\s]+$/g, ""));
    }
    expect(added).toContain('"number": 1.50');
    expect(added).toContain("[1,2,  3]");
  });

  it.each([
    SETTINGS,
    "{}\n",
    '{\n  "a": 1\n}\n',
    '{"a": 1}',
    '{\n\t"hooks": {\n\t\t"Stop": [\n\t\t\t{"hooks": [{"type": "prompt"}]}\n\t\t]\n\t}\n}\n',
  ])("are there once however often they are added, and gone without a trace: %#", (text) => {
    const once = addHooks(text, EVENTS);
    expect(addHooks(once, EVENTS)).toBe(once);
    expect(removeHooks(once)).toBe(text);
    expect(removeHooks(text)).toBe(text);
  });

  it("are renewed when the program lies elsewhere, and taken from events that are not of interest any more", () => {
    const command = hookCommand(["/old/node", "main.js", "task", "hook", "x"]);
    const old = addHooks(SETTINGS, of(command, "Stop", "Old"));
    const renewed = addHooks(old, EVENTS);
    expect(commands(renewed, "Stop")).toEqual([COMMAND]);
    expect(commands(renewed, "Old")).toEqual([]);
    expect(removeHooks(renewed)).toBe(SETTINGS);
  });

  it("are taken out of a group that somebody has put others into", () => {
    const text = JSON.stringify({
      hooks: {
        Stop: [{ hooks: [{ command: COMMAND }, { command: "mine" }] }, { hooks: [{ command: COMMAND }] }],
      },
    });
    expect(JSON.parse(removeHooks(text))).toEqual({ hooks: { Stop: [{ hooks: [{ command: "mine" }] }] } });
  });

  it.each([
    ["a list", "[]"],
    ["a text", '"x"'],
    ["a text for hooks", '{"hooks": "x"}'],
    ["a list for hooks", '{"hooks": []}'],
    ["an object for an event", '{"hooks": {"Stop": {}}}'],
  ])("are not added to %s", (_, text) => {
    expect(() => addHooks(text, EVENTS)).toThrow(HooksShapeError);
  });

  it.each([
    ["plain", ["printf", "%s|"]],
    ["spaces and quotes", ["printf", "%s|", "/a b/it's", '"$HOME"', "`x`", "", "\\", "ä\nö"]],
  ])("name their program so that a shell understands it: %s", (_, words) => {
    const out = execFileSync("sh", ["-c", hookCommand(words)], { encoding: "utf8" });
    expect(out).toBe(words.length > 2 ? `${words.slice(2).join("|")}|` : "|");
  });

  it("never fail, even when the program is gone", () => {
    execFileSync("sh", ["-c", hookCommand(["/does/not/exist"])], { stdio: "ignore" });
  });
});
