// What tells of the agent's task: the task file, hooks, AgentAPI, Coder.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { callProgram } from "../../helpers/call-program.ts";
import { diagnose } from "../../helpers/doctor.ts";
import { json, silence, startHttpService } from "../../helpers/http-service.ts";
import { emptyDirectory, runProgram } from "../../helpers/program.ts";

describe("the task file", () => {
  const taskFileOf = async (content: string | undefined, taskFile = "task.json") => {
    const cwd = emptyDirectory();
    if (content !== undefined) {
      writeFileSync(join(cwd, "task.json"), content);
    }
    const diagnosis = await diagnose(["--task-file", taskFile], { cwd });
    return diagnosis.of("task-file");
  };

  test("is not there yet, or valid", async () => {
    expect(await taskFileOf(undefined)).toMatchObject({
      level: "ok",
      found: expect.stringMatching(/task\.json is not there yet, and can be written$/),
    });
    expect(await taskFileOf('{"status": "waiting"}')).toMatchObject({
      level: "ok",
      found: expect.stringMatching(/task\.json says waiting$/),
    });
  });

  test("is about another workspace, or old", async () => {
    expect(await taskFileOf('{"status": "running", "cwd": "/elsewhere"}')).toMatchObject({
      level: "warning",
      found: expect.stringContaining("is about /elsewhere"),
    });
    const old = '{"status": "running", "updated_at": "2020-01-01T00:00:00Z"}';
    expect(await taskFileOf(old)).toMatchObject({
      level: "warning",
      found: expect.stringContaining("TASK_STALE"),
    });
  });

  test("is not valid, or in a place where it cannot be", async () => {
    expect(await taskFileOf("nonsense")).toMatchObject({
      level: "problem",
      found: expect.stringContaining("TASK_FILE_NOT_JSON"),
      advice: expect.stringContaining("task clear"),
    });
    expect(await taskFileOf(undefined, "/nowhere/task.json")).toMatchObject({
      level: "problem",
      found: expect.stringContaining("/nowhere does not exist"),
      advice: expect.stringContaining("--task-file"),
    });
  });

  test("S19: is a link, a directory", async () => {
    const cwd = emptyDirectory();
    symlinkSync("/etc/passwd", join(cwd, "link"));
    mkdirSync(join(cwd, "directory"));
    for (const [name, reason] of [
      ["link", "TASK_FILE_SYMBOLIC_LINK"],
      ["directory", "TASK_FILE_NOT_A_FILE"],
    ] as const) {
      const diagnosis = await diagnose(["--task-file", name], { cwd });
      expect(diagnosis.of("task-file")).toMatchObject({
        level: "problem",
        found: expect.stringContaining(reason),
      });
    }
  });
});

describe("hooks", () => {
  test("are none, ours, another program's, or in a file that cannot be read", async () => {
    const cwd = emptyDirectory();
    const hooks = async () => (await diagnose([], { cwd })).of("hooks");
    expect(await hooks()).toMatchObject({
      level: "ok",
      found: expect.stringContaining("none are installed"),
    });
    const { code } = await callProgram(["task", "install", "claude-code"], { cwd });
    expect(code).toBe(0);
    expect(await hooks()).toEqual({
      check: "hooks",
      level: "ok",
      found: "installed for claude-code (user)",
    });
    const settings = join(cwd, ".claude/settings.json");
    writeFileSync(settings, readFileSync(settings, "utf8").replaceAll("main.ts", "former.ts"));
    expect(await hooks()).toMatchObject({
      level: "warning",
      found: expect.stringContaining("not as this program would"),
      advice: expect.stringContaining("fleet-metadata task install claude-code"),
    });
    writeFileSync(settings, "{");
    expect(await hooks()).toMatchObject({
      level: "warning",
      found: expect.stringContaining("is not JSON"),
    });
  });
});

test("S24: hooks of the workspace that are a pipe hold nothing up", async () => {
  const cwd = emptyDirectory();
  mkdirSync(join(cwd, ".claude"));
  execFileSync("mkfifo", [join(cwd, ".claude/settings.local.json")]);
  // As a process of its own: one that waits for a writer hears neither its deadline nor SIGTERM.
  const { code, stdout } = await runProgram(["doctor", "hooks", "--json"], { cwd });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    checks: [
      {
        level: "warning",
        found: expect.stringContaining("settings.local.json cannot be read: it is not a regular file"),
      },
    ],
  });
});

describe("AgentAPI", () => {
  test("is not asked, or not there", async () => {
    const outside = await diagnose();
    expect(outside.of("agentapi")).toMatchObject({
      level: "ok",
      found: expect.stringContaining("not asked"),
    });
    const named = await diagnose(["--agentapi-url", "http://127.0.0.1:1"]);
    expect(named.of("agentapi")).toMatchObject({
      level: "warning",
      found: "nothing listens at http://127.0.0.1:1",
    });
  });

  test("answers, with nonsense, or never", async () => {
    const service = await startHttpService({ "/status": json({ status: "stable" }) });
    const agentApiOf = async () => {
      const diagnosis = await diagnose(["--agentapi-url", service.url]);
      return diagnosis.of("agentapi");
    };
    expect(await agentApiOf()).toMatchObject({ level: "ok", found: `AgentAPI at ${service.url} answers` });
    service.on("/status", json({ status: "confused" }));
    expect(await agentApiOf()).toMatchObject({
      level: "warning",
      found: expect.stringContaining("AGENTAPI_INVALID"),
    });
    service.on("/status", silence());
    expect(await agentApiOf()).toMatchObject({
      level: "warning",
      found: expect.stringContaining("AGENTAPI_TIMEOUT: AgentAPI at"),
    });
  });
});

describe("Coder", () => {
  const WORKSPACE = {
    owner_name: "ann",
    latest_app_status: null,
    latest_build: { created_at: "2026-01-01T00:00:00Z" },
  };
  const IN_CODER = { CODER: "true", CODER_WORKSPACE_ID: "w1", CODER_WORKSPACE_NAME: "dev" };

  const coderOf = async (env: Readonly<Record<string, string>>, args: readonly string[] = []) => {
    const diagnosis = await diagnose(args, { env });
    expect(diagnosis.output).not.toContain("s3cret");
    return diagnosis.of("coder");
  };

  test("is not there, or not asked", async () => {
    expect(await coderOf({})).toMatchObject({
      level: "ok",
      found: expect.stringContaining("no Coder workspace"),
    });
    expect(await coderOf({ ...IN_CODER, CODER_AGENT_URL: "http://127.0.0.1:1" })).toMatchObject({
      level: "ok",
      found: expect.stringMatching(
        /missing: a session token, in CODER_SESSION_TOKEN or by --coder-token-file$/,
      ),
    });
    expect(await coderOf({}, ["--coder-url", "http://127.0.0.1:1"])).toMatchObject({
      level: "warning",
      found: expect.stringContaining("missing: a session token"),
    });
  });

  test("answers", async () => {
    const coder = await startHttpService({ "/api/v2/workspaces/w1": json(WORKSPACE) });
    const env = { ...IN_CODER, CODER_AGENT_URL: coder.url, CODER_SESSION_TOKEN: "s3cret" };
    expect(await coderOf(env)).toMatchObject({
      level: "ok",
      found: expect.stringContaining("with the token in CODER_SESSION_TOKEN: it answers"),
    });
  });

  test("refuses the token, does not know the workspace, is out of reach", async () => {
    const coder = await startHttpService({ "/api/v2/workspaces/w1": json({}, 401) });
    const env = { ...IN_CODER, CODER_AGENT_URL: coder.url, CODER_SESSION_TOKEN: "s3cret" };
    expect(await coderOf(env)).toMatchObject({
      level: "problem",
      found: expect.stringContaining("CODER_UNAUTHENTICATED"),
      advice: expect.stringContaining("CODER_AGENT_TOKEN"),
    });
    coder.on("/api/v2/workspaces/w1", json({}, 404));
    expect(await coderOf(env)).toMatchObject({
      level: "problem",
      found: expect.stringContaining("CODER_NOT_FOUND"),
    });
    expect(await coderOf({ ...env, CODER_AGENT_URL: "http://127.0.0.1:1" })).toMatchObject({
      level: "problem",
      found: expect.stringContaining("CODER_UNREACHABLE"),
    });
  });

  test("a token file that is not there, or holds the token", async () => {
    expect(await coderOf(IN_CODER, ["--coder-token-file", "/nowhere"])).toMatchObject({
      level: "problem",
      found: expect.stringContaining("ENOENT"),
    });
    const coder = await startHttpService({ "/api/v2/workspaces/w1": json(WORKSPACE) });
    const file = join(emptyDirectory(), "token");
    writeFileSync(file, "s3cret");
    chmodSync(file, 0o600);
    const env = { ...IN_CODER, CODER_AGENT_URL: coder.url };
    expect(await coderOf(env, ["--coder-token-file", file])).toMatchObject({
      level: "ok",
      found: expect.stringContaining(`token in ${file}, named by --coder-token-file`),
    });
  });
});
