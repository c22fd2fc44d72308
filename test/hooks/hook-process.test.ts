// Hooks as real processes: what they write, and that whatever happens the agent notices nothing.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { updateTaskFile } from "../../src/hooks/task-file.ts";
import type { Status } from "../../src/task-file/format.ts";
import { eventText, hookBench } from "../helpers/hook.ts";
import { emptyDirectory, MAIN } from "../helpers/program.ts";
import { until } from "../helpers/wait.ts";

const SILENT = { code: 0, signal: null, stdout: "" };
const PROMPT = { hook_event_name: "UserPromptSubmit", prompt: "Mend it" };
const STOP = { hook_event_name: "Stop", stop_hook_active: false };

describe("a hook", () => {
  it("writes the task file", async () => {
    const { run, says, directory, file } = hookBench();
    expect(await run("claude-code", PROMPT)).toEqual({ ...SILENT, stderr: "" });
    expect(says()).toMatchObject({
      status: "running",
      description: "Mend it",
      agent: "claude-code",
      cwd: directory,
      session: "session-1",
    });
    expect(readdirSync(directory)).toEqual(["task.json"]);
    expect(execFileSync("stat", ["-c", "%a", file], { encoding: "utf8" }).trim()).toBe("600");
  });

  it("is told by Codex's notify with its last argument", async () => {
    const { start, says, directory } = hookBench();
    const event = { type: "agent-turn-complete", "thread-id": "t1", "turn-id": "1", cwd: directory };
    expect(await start("codex", { json: JSON.stringify(event) }).ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()).toMatchObject({ status: "idle", agent: "codex", cwd: directory, session: "t1" });
  });

  it("knows the agent's process behind a shell by its name alone", async () => {
    const { directory, file, says } = hookBench();
    const program = `
      process.title = "claude";
      const hook = ${JSON.stringify(`'${process.execPath}' -- '${MAIN}' task hook claude-code || true # end`)};
      const { status } = require("node:child_process").spawnSync("sh", ["-c", hook], { input: process.argv[1] });
      process.stdout.write(JSON.stringify({ status, pid: process.pid }));`;
    const env = { PATH: process.env["PATH"], FLEET_METADATA_TASK_FILE: file };
    const out = execFileSync(process.execPath, ["-e", program, eventText(directory, PROMPT)], { env });
    const { status, pid } = JSON.parse(out.toString()) as { status: number; pid: number };
    expect(status).toBe(0);
    expect(says()).toMatchObject({
      status: "running",
      pid,
      pid_namespace: readlinkSync("/proc/self/ns/pid"),
    });
  });

  it("says no process when nothing there is called like the agent", async () => {
    const { directory, start, says } = hookBench();
    const { child, ended } = start("codex", { before: ["sh", "-c", '"$0" "$@"; true'] });
    child.stdin.end(eventText(directory, PROMPT));
    expect((await ended).code).toBe(0);
    expect(says()).toMatchObject({ status: "running" });
    expect(says()).not.toHaveProperty("pid");
    expect(says()).not.toHaveProperty("pid_namespace");
  });

  it("is about the directory that the session was started in, wherever the agent has gone", async () => {
    const { directory, file, says } = hookBench();
    const env = { PATH: process.env["PATH"], FLEET_METADATA_TASK_FILE: file, CLAUDE_PROJECT_DIR: directory };
    execFileSync(process.execPath, ["--", MAIN, "task", "hook", "claude-code"], {
      env,
      input: eventText("/tmp", PROMPT),
    });
    expect(says()?.cwd).toBe(directory);
  });
});

describe("hooks that end out of order", () => {
  it("never bring an older state back", async () => {
    const { directory, start, run, says } = hookBench();
    await run("claude-code", PROMPT);
    const late = start("claude-code");
    late.child.kill("SIGSTOP");
    expect(await run("claude-code", STOP)).toMatchObject(SILENT);
    expect(says()?.status).toBe("idle");
    late.child.stdin.end(eventText(directory, { hook_event_name: "PostToolUse", tool_name: "Bash" }));
    late.child.kill("SIGCONT");
    expect(await late.ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()?.status).toBe("idle");
  });

  it("are told apart by the start of what the agent started, however late that comes to the hook", async () => {
    const { directory, start, run, says } = hookBench();
    const gate = join(directory, "gate");
    execFileSync("mkfifo", [gate]);
    const slow = ["sh", "-c", `echo "$PPID" >started; read -r _ <gate; "$0" "$@"; true`];
    const late = start("claude-code", { before: slow });
    late.child.stdin.end(eventText(directory, PROMPT));
    await until(() => existsSync(join(directory, "started")), "the agent's shell has started");
    expect(await run("claude-code", STOP)).toMatchObject(SILENT);
    writeFileSync(gate, "\n");
    expect(await late.ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()?.status).toBe("idle");
  });

  it("leave nothing older behind when another writes while one has read", () => {
    const { file, says } = hookBench();
    const write = (ticks: number, status: Status, meanwhile = () => undefined as unknown) =>
      updateTaskFile(file, { order: `boot:${ticks}:1`, lockTimeoutMs: 0 }, () => {
        meanwhile();
        return { status };
      });
    expect(write(7, "running", () => write(8, "idle"))).toBe(false);
    expect(says()?.status).toBe("idle");
    expect(readdirSync(dirname(file))).toEqual(["task.json"]);
    expect(write(9, "running", () => write(8, "waiting"))).toBe(true);
    expect(says()?.status).toBe("running");
  });

  it("leave the state of the one that began last, however they meet", async () => {
    const { directory, start, says } = hookBench();
    const tools = Array.from({ length: 8 }, (_, index) => `Tool${index}`);
    const hooks = tools.map((tool_name) => ({
      ...start("claude-code"),
      text: eventText(directory, { hook_event_name: "PreToolUse", tool_name }),
    }));
    const last = start("claude-code");
    last.child.stdin.end(eventText(directory, STOP));
    for (const { child, text } of hooks.reverse()) {
      child.stdin.end(text);
    }
    await Promise.all([last, ...hooks].map(({ ended }) => ended));
    expect(says()?.status).toBe("idle");
    expect(readdirSync(directory)).toEqual(["task.json"]);
  });
});

describe("what an agent must not notice", () => {
  it.each([
    ["nothing", ""],
    ["no JSON", "this is no JSON"],
    ["half of an event", '{"session_id": "s", "hook_event_na'],
    ["a list", "[1, 2]"],
    ["no event", "{}"],
    ["an event that is none", '{"hook_event_name": 7}'],
    ["nothing but brackets", "[".repeat(200_000)],
    ["nothing but quotes", '"'.repeat(200_001)],
    ["NUL", "\0".repeat(1_000)],
    ["invalid UTF-8", Buffer.from([0xff, 0xfe, 0x7b]).toString("latin1")],
    ["a name that every object has", '{"hook_event_name": "constructor", "__proto__": 1}'],
  ])("S19: is a hook that is told %s", async (_, input) => {
    const { run, says } = hookBench();
    expect(await run("claude-code", input)).toMatchObject(SILENT);
    expect(says()).toBeUndefined();
  });

  it("S19: is a hook whose input never ends, and that says enough", async () => {
    const { start, says, directory } = hookBench();
    const { child, ended } = start("claude-code");
    child.stdin.write(eventText(directory, PROMPT));
    expect(await ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()?.status).toBe("running");
  });

  it("S19: is a hook that is told nothing at all and waits for no end", async () => {
    const { start } = hookBench();
    expect(await start("claude-code").ended).toMatchObject(SILENT);
  });

  it("S19: is a hook whose input is late: the event that its arguments name counts all the same", async () => {
    const { start, says, directory } = hookBench();
    expect(await start("claude-code", { event: "Stop" }).ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()).toMatchObject({ status: "idle", agent: "claude-code", cwd: directory });
    const cut = start("claude-code", { event: "PermissionRequest" });
    cut.child.stdin.write('{"session_id": "s1", "hook_ev');
    expect(await cut.ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()).toMatchObject({ status: "waiting", session: "s1" });
  });

  it("is a hook whose input says another event than its arguments: the input counts", async () => {
    const { start, says, directory } = hookBench();
    const { child, ended } = start("claude-code", { event: "Stop" });
    child.stdin.end(eventText(directory, PROMPT));
    expect(await ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()).toMatchObject({ status: "running", description: "Mend it" });
  });

  it("S19: is a hook that is told too much", async () => {
    const { start, says, directory } = hookBench();
    const { child, ended } = start("claude-code");
    child.stdin.write(eventText(directory, { hook_event_name: "PostToolUse" }).slice(0, -1));
    child.stdin.write(`, "tool_response": "${"x".repeat(50_000_000)}`);
    expect(await ended).toEqual({ ...SILENT, stderr: "" });
    expect(says()?.status).toBe("running");
  });

  it.each([
    ["lies in no directory", "/does/not/exist/task.json"],
    ["cannot be made", "/proc/task.json"],
    ["is a directory", "/"],
  ])("S19: is a task file that %s", async (_, file) => {
    const { run } = hookBench(file);
    const { stderr, ...ending } = await run("claude-code", PROMPT);
    expect(ending).toEqual(SILENT);
    expect(stderr).toMatch(/^fleet-metadata: hook: [^\n]+\n$/);
  });

  it("S19: is a task file that is a link: what it leads to is not written", async () => {
    const { run, directory, file } = hookBench();
    writeFileSync(join(directory, "other"), "precious");
    symlinkSync("other", file);
    const { stderr, ...ending } = await run("claude-code", PROMPT);
    expect(ending).toEqual(SILENT);
    expect(stderr).toContain("symbolic link");
    expect(readFileSync(join(directory, "other"), "utf8")).toBe("precious");
  });

  it("S19: is a task file that is a FIFO", async () => {
    const { run, file } = hookBench();
    execFileSync("mkfifo", [file]);
    expect(await run("claude-code", PROMPT)).toMatchObject({
      ...SILENT,
      stderr: expect.stringContaining("not a regular file"),
    });
  });

  it.runIf(process.getuid?.() === 0)("S19: is a task file of another user", async () => {
    const { run, file } = hookBench();
    writeFileSync(file, '{"status": "waiting"}');
    execFileSync("chown", ["12345", file]);
    expect(await run("claude-code", PROMPT)).toMatchObject({
      ...SILENT,
      stderr: expect.stringContaining("another user"),
    });
  });

  it.each(["", "half", '{"status": "sleeping"}', '{"status": 1}', "[]", "x".repeat(70_000)])(
    "S19: is a task file that nobody can read, and is replaced: %j",
    async (content) => {
      const { run, file, says } = hookBench();
      writeFileSync(file, content);
      expect(await run("claude-code", PROMPT)).toEqual({ ...SILENT, stderr: "" });
      expect(says()?.status).toBe("running");
    },
  );

  it("S22: is a disk that takes nothing more: the old file stays", async () => {
    const { start, run, directory, says } = hookBench();
    await run("claude-code", PROMPT);
    const full = ["sh", "-c", `trap "" XFSZ; ulimit -f 0; exec "$0" "$@"`];
    const { child, ended } = start("claude-code", { before: full });
    child.stdin.end(eventText(directory, STOP));
    const { stderr, ...ending } = await ended;
    expect(ending).toEqual(SILENT);
    expect(stderr).toMatch(/cannot be written: E/);
    expect(says()?.status).toBe("running");
    expect(readdirSync(directory)).toEqual(["task.json"]);
  });

  it("S22: is a disk that takes but a part: the old file stays", async () => {
    const { start, directory, file, says } = hookBench();
    const url = `https://example.com/${"x".repeat(20_000)}`;
    writeFileSync(file, JSON.stringify({ status: "running", session: "session-1", cwd: directory, url }));
    const nearlyFull = ["sh", "-c", `trap "" XFSZ; ulimit -f 4; exec "$0" "$@"`];
    const { child, ended } = start("claude-code", { before: nearlyFull });
    child.stdin.end(eventText(directory, STOP));
    const { stderr, ...ending } = await ended;
    expect(ending).toEqual(SILENT);
    expect(stderr).toMatch(/cannot be written: E/);
    expect(says()).toMatchObject({ status: "running", url });
    expect(readdirSync(directory)).toEqual(["task.json"]);
  });

  it("is another writer that stands still, or was killed", async () => {
    const { run, file, directory, says } = hookBench();
    writeFileSync(`${file}.lock`, "");
    expect(await run("claude-code", PROMPT)).toEqual({ ...SILENT, stderr: "" });
    expect(says()?.status).toBe("running");
    utimesSync(`${file}.lock`, 1_000, 1_000);
    expect(await run("claude-code", STOP)).toEqual({ ...SILENT, stderr: "" });
    expect(says()?.status).toBe("idle");
    expect(readdirSync(directory)).toEqual(["task.json"]);
  });

  it.each([
    ["standard input closed", "<&-"],
    ["a directory as standard input", "</"],
    ["nowhere to write to", ">&- 2>&-"],
    ["nobody who reads what it says", "2>&1 >/dev/null | true"],
  ])("is a hook with %s", async (_, redirection) => {
    const { start } = hookBench();
    const { child, ended } = start("claude-code", { before: ["sh", "-c", `"$0" "$@" ${redirection}`] });
    child.stdin.end("no event");
    expect(await ended).toMatchObject(SILENT);
  });

  it("is an agent that has no hooks", async () => {
    const { run } = hookBench();
    expect(await run("nonsense", PROMPT)).toEqual({
      ...SILENT,
      stderr: 'fleet-metadata: hook: no agent "nonsense"; the agents are claude-code, codex\n',
    });
  });

  it("is a directory that is gone", async () => {
    const { file, says } = hookBench();
    const directory = emptyDirectory();
    const gone = join(directory, "gone");
    mkdirSync(gone);
    const command = `rmdir '${gone}'; exec '${process.execPath}' -- '${MAIN}' task hook claude-code`;
    const child = spawn("sh", ["-c", command], {
      cwd: gone,
      env: { PATH: process.env["PATH"], FLEET_METADATA_TASK_FILE: file },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    child.stdin.on("error", () => undefined).end(JSON.stringify({ ...PROMPT, cwd: "relative" }));
    const [code] = await once(child, "close");
    expect(code).toBe(0);
    expect(says()).toBeUndefined();
  });
});
