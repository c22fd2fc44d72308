// From an agent's event to those who watch: a real hook, a real server, a real stream.

import { describe, expect, it, onTestFinished } from "vitest";
import { watchMetadata } from "../../src/client/index.ts";
import { hookBench } from "../helpers/hook.ts";
import { startProgram } from "../helpers/program.ts";
import { until } from "../helpers/wait.ts";

describe("a watch", () => {
  it("shows that the agent asks for a permission, and that it goes on", async () => {
    const { directory, file, run } = hookBench();
    const { url } = await startProgram(["serve", "--workspace", directory, "--task-file", file]);
    const end = new AbortController();
    const shown: (string | undefined)[] = [];
    const ended = watchMetadata(url, {
      keys: ["workspace_task_*"],
      signal: end.signal,
      onState: ({ data }) => {
        const value = data["workspace_task_status"]?.value?.kind.value;
        shown.push(typeof value === "string" ? value : undefined);
      },
    });
    onTestFinished(async () => {
      end.abort();
      await ended.catch(() => undefined);
    });
    const shows = (status: string) => until(() => shown.at(-1) === status, `the stream shows ${status}`);
    await until(() => shown.length > 0, "the first message");
    for (const [event, status] of [
      [{ hook_event_name: "UserPromptSubmit", prompt: "Mend it" }, "running"],
      [{ hook_event_name: "PermissionRequest", tool_name: "Bash" }, "waiting"],
      [{ hook_event_name: "PostToolUse", tool_name: "Bash" }, "running"],
      [{ hook_event_name: "Stop" }, "idle"],
    ] as const) {
      await run("claude-code", event);
      await shows(status);
    }
    const changes = shown.filter((status, index) => status !== shown[index - 1]);
    expect(changes).toEqual(["running", "waiting", "running", "idle"]);
  });
});
