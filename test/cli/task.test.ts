import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { callProgram } from "../helpers/call-program.ts";
import { eventText } from "../helpers/hook.ts";
import { emptyDirectory, runProgram } from "../helpers/program.ts";

const OK = { code: 0, signal: null, stderr: "" };

/** A directory, its task file, and commands in it. The first of each kind is run as a process, too. */
function workplace() {
  const cwd = emptyDirectory();
  const file = join(cwd, "task.json");
  return {
    cwd,
    file,
    task: (...args: string[]) => callProgram(["task", ...args], { cwd }),
    program: (...args: string[]) => runProgram(["task", ...args], { cwd }),
    says: () => JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>,
  };
}

describe("task set", () => {
  it("writes the task file with everything that it is told", async () => {
    const { cwd, program, says } = workplace();
    const words = ["--description", "Mend it", "--progress", "12.5", "--agent", "aider", "--pid", "7"];
    expect(await program("set", "running", ...words, "--url", "https://example.com/1")).toEqual({
      ...OK,
      stdout: "",
    });
    expect(says()).toMatchObject({
      status: "running",
      description: "Mend it",
      progress: 12.5,
      agent: "aider",
      pid: 7,
      url: "https://example.com/1",
      cwd,
    });
    expect(says()["started_at"]).toBe(says()["updated_at"]);
    expect(readdirSync(cwd)).toEqual(["task.json"]);
  });

  it("keeps what it is not told while the task goes on, and forgets it when a new one begins", async () => {
    const { task, says } = workplace();
    await task("set", "running", "--description", "Mend it");
    const { started_at } = says();
    await task("set", "waiting", "--progress", "50");
    expect(says()).toMatchObject({ status: "waiting", description: "Mend it", progress: 50, started_at });
    await task("set", "completed");
    expect(says()).toMatchObject({ status: "completed", description: "Mend it", started_at });
    await task("set", "running");
    expect(says()).not.toHaveProperty("description");
    expect(says()["started_at"]).not.toBe(started_at);
  });

  it("is about the repository around it, another directory, or the workspace of the settings", async () => {
    const { cwd, file, task, says } = workplace();
    mkdirSync(join(cwd, ".git"));
    mkdirSync(join(cwd, "a/b"), { recursive: true });
    const env = { FLEET_METADATA_TASK_FILE: file };
    await callProgram(["task", "set", "idle"], { cwd: join(cwd, "a/b"), env });
    expect(says()["cwd"]).toBe(cwd);
    await task("set", "idle", "--cwd", "a");
    expect(says()["cwd"]).toBe(join(cwd, "a"));
    await callProgram(["task", "set", "idle"], { cwd, env: { ...env, FLEET_METADATA_WORKSPACE: "a/b" } });
    expect(says()["cwd"]).toBe(join(cwd, "a/b"));
  });

  it.each([
    [["sleeping"], /'sleeping'.*idle, running, waiting, completed, failed/],
    [[], /STATUS/],
    [["idle", "--progress", "101"], /--progress: "101".*0 to 100/],
    [["idle", "--progress", "much"], /--progress: "much"/],
    [["idle", "--progress", ""], /--progress/],
    [["idle", "--pid", "0"], /--pid: "0"/],
    [["idle", "--pid", "1.5"], /--pid: "1.5"/],
    [["idle", "--url", "javascript:alert(1)"], /--url: .*http or https/],
    [["idle", "--url", "nowhere"], /--url: "nowhere"/],
    [["idle", "--description", "x".repeat(5_000)], /--description: .*4096 bytes/],
  ])("says what is wrong with %j", async (args, text) => {
    const { task, file } = workplace();
    const { code, stdout, stderr } = await task("set", ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^fleet-metadata: [^\n]+\n$/);
    expect(stderr).toMatch(text);
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ["a link", (file: string) => symlinkSync("elsewhere", file), "symbolic link"],
    ["a FIFO", (file: string) => execFileSync("mkfifo", [file]), "not a regular file"],
    ["a directory", (file: string) => mkdirSync(file), "not a regular file"],
  ])("S19: refuses %s", async (_, make, why) => {
    const { cwd, file, task } = workplace();
    make(file);
    for (const command of [["set", "idle"], ["clear"]]) {
      const { code, stderr } = await task(...command);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^fleet-metadata: [^\n]+\n$/);
      expect(stderr).toContain(why);
    }
    expect(readdirSync(cwd)).toEqual(["task.json"]);
  });

  it("says that there is no such directory", async () => {
    const { task } = workplace();
    const { code, stderr } = await task("set", "idle", "--task-file", "no/where.json");
    expect(code).toBe(1);
    expect(stderr).toContain("its directory does not exist");
  });
});

describe("task show and task clear", () => {
  it("show what the file says, and remove it", async () => {
    const { file, task, program } = workplace();
    const show = async () => JSON.parse((await program("show")).stdout) as Record<string, unknown>;
    const { source, state, ...before } = await show();
    expect(before).toMatchObject({ file, says: null, status: null });
    // There may be a real agent on this machine.
    expect(state).toBe(source === "process" ? "fresh" : "no data");
    await task("set", "waiting", "--description", "Mend it");
    expect(await show()).toMatchObject({
      says: { status: "waiting", description: "Mend it" },
      status: "waiting",
      source: "file",
      state: "fresh",
    });
    expect(await program("clear")).toEqual({ ...OK, stdout: "" });
    expect(existsSync(file)).toBe(false);
    expect(await task("clear")).toEqual({ ...OK, stdout: "" });
  });

  it("S19: show why a file is not believed", async () => {
    const { file, task } = workplace();
    writeFileSync(file, '{"status": "running", "pid": 4194305}');
    expect(JSON.parse((await task("show")).stdout)).toMatchObject({
      says: { status: "running" },
      status: "failed",
      reason: "TASK_PROCESS_GONE",
    });
    writeFileSync(file, '{"status": "running", "progress": "half"}');
    expect(JSON.parse((await task("show")).stdout)).toMatchObject({
      says: { status: "running" },
      reason: "TASK_FILE_INVALID",
      message: expect.stringContaining("progress"),
    });
  });
});

describe("task install claude-code", () => {
  const settingsOf = (cwd: string): string => join(cwd, ".claude/settings.json");

  it("makes the user's settings, once, and takes out what it put in", async () => {
    const { cwd, task, program } = workplace();
    expect(await program("install", "claude-code")).toMatchObject({
      ...OK,
      stdout: `${settingsOf(cwd)}: made\n`,
    });
    const made = readFileSync(settingsOf(cwd), "utf8");
    const { hooks } = JSON.parse(made) as { hooks: Record<string, unknown> };
    expect(Object.keys(hooks)).toEqual(
      expect.arrayContaining([
        "UserPromptSubmit",
        "PermissionRequest",
        "Notification",
        "Stop",
        "StopFailure",
      ]),
    );
    expect(await task("install", "claude-code")).toMatchObject({ stdout: "nothing to change\n" });
    expect(readFileSync(settingsOf(cwd), "utf8")).toBe(made);
    expect((await program("uninstall", "claude-code")).code).toBe(0);
    expect(readFileSync(settingsOf(cwd), "utf8")).toBe("{}\n");
    expect(await task("uninstall", "claude-code")).toMatchObject({ ...OK, stdout: "nothing to change\n" });
  });

  it("keeps a link, the mode, and what else is there; and with --dry-run everything", async () => {
    const { cwd, task } = workplace();
    const real = join(cwd, "dotfiles.json");
    const before = '{\n\t"model": "opus",\n\t"hooks": {"Stop": []}\n}';
    mkdirSync(join(cwd, ".claude"));
    writeFileSync(real, before);
    chmodSync(real, 0o640);
    symlinkSync("../dotfiles.json", settingsOf(cwd));
    const dry = await task("install", "claude-code", "--dry-run");
    expect(dry.stdout).toMatch(/^\+.*SessionEnd/m);
    expect(readFileSync(real, "utf8")).toBe(before);
    await task("install", "claude-code");
    expect(lstatSync(settingsOf(cwd)).isSymbolicLink()).toBe(true);
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(readFileSync(real, "utf8")).toMatch(/^\{\n\t"model": "opus",\n\t"hooks": \{/);
    await task("uninstall", "claude-code");
    expect(readFileSync(real, "utf8")).toBe(before);
    expect(readdirSync(cwd).sort()).toEqual([".claude", "dotfiles.json"]);
  });

  it.each(['{"hooks": {}', "// mine\n{}", '{"hooks": []}', "[]"])(
    "refuses settings that are broken, and leaves them as they are: %s",
    async (text) => {
      const { cwd, task } = workplace();
      mkdirSync(join(cwd, ".claude"));
      writeFileSync(settingsOf(cwd), text);
      for (const command of ["install", "uninstall"]) {
        const { code, stdout, stderr } = await task(command, "claude-code");
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
        expect(stderr).toContain("left as it is");
      }
      expect(readFileSync(settingsOf(cwd), "utf8")).toBe(text);
      expect(readdirSync(join(cwd, ".claude"))).toEqual(["settings.json"]);
    },
  );

  it.each([
    ["../not-there-yet.json", "is left as it is: it is a link that leads nowhere"],
    ["settings.json", "cannot be read: ELOOP"],
  ])("leaves a link that leads nowhere as it is: %s", async (target, why) => {
    const { cwd, task } = workplace();
    mkdirSync(join(cwd, ".claude"));
    symlinkSync(target, settingsOf(cwd));
    const { code, stdout, stderr } = await task("install", "claude-code");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`${settingsOf(cwd)} ${why}`);
    expect(lstatSync(settingsOf(cwd)).isSymbolicLink()).toBe(true);
  });

  it("does not wait for what is no file", async () => {
    const { cwd } = workplace();
    mkdirSync(join(cwd, ".claude"));
    execFileSync("mkfifo", [settingsOf(cwd)]);
    const { code, stderr } = await runProgram(["task", "install", "claude-code"], {
      cwd,
      env: { HOME: cwd },
    });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("it is not a regular file"),
    });
  });

  it("writes a project's own settings, at its root", async () => {
    const { cwd } = workplace();
    mkdirSync(join(cwd, ".git"));
    mkdirSync(join(cwd, "src"));
    const { stdout } = await callProgram(["task", "install", "claude-code", "--project"], {
      cwd: join(cwd, "src"),
    });
    expect(stdout).toContain(join(cwd, ".claude/settings.local.json"));
    expect(stdout).toContain("keep it out of commits");
    expect(existsSync(join(cwd, ".claude/settings.local.json"))).toBe(true);
  });

  it.each([
    ["the settings", ".claude/settings.local.json", "outside.json"],
    ["their directory", ".claude", ""],
  ])("S24: writes nothing where a project's link leads out of it: %s", async (_, link, target) => {
    const { cwd } = workplace();
    const [project, outside] = [join(cwd, "project"), join(cwd, "outside")];
    mkdirSync(join(project, ".git"), { recursive: true });
    mkdirSync(join(project, dirname(link)), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, "outside.json"), "{}\n");
    symlinkSync(join(outside, target), join(project, link));
    const { code, stderr } = await callProgram(["task", "install", "claude-code", "--project"], {
      cwd: project,
    });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("leads out of") });
    expect(readdirSync(outside)).toEqual(["outside.json"]);
    expect(readFileSync(join(outside, "outside.json"), "utf8")).toBe("{}\n");
  });

  it("S25: writes nothing when the settings are no text that it could write again as it was", async () => {
    const { cwd, task } = workplace();
    mkdirSync(join(cwd, ".claude"));
    const bytes = Buffer.from('{"model": "\xff"}', "latin1");
    writeFileSync(settingsOf(cwd), bytes);
    const { code, stderr } = await task("install", "claude-code");
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("it is not UTF-8") });
    expect(readFileSync(settingsOf(cwd))).toEqual(bytes);
  });

  it("is there once after several installations at the same time", async () => {
    const { cwd, task, program } = workplace();
    mkdirSync(join(cwd, ".claude"));
    const before = '{"model": "opus", "hooks": {}}';
    writeFileSync(settingsOf(cwd), before);
    const endings = await Promise.all([1, 2, 3, 4].map(() => program("install", "claude-code")));
    for (const { code, stderr } of endings) {
      expect([0, 1]).toContain(code);
      expect(stderr).toMatch(code === 0 ? /^$/ : /try again/);
    }
    expect(endings.some(({ code }) => code === 0)).toBe(true);
    const { hooks } = JSON.parse(readFileSync(settingsOf(cwd), "utf8")) as { hooks: { Stop: unknown[] } };
    expect(hooks.Stop).toHaveLength(1);
    expect((await task("uninstall", "claude-code")).code).toBe(0);
    expect(readFileSync(settingsOf(cwd), "utf8")).toBe(before);
    expect(readdirSync(join(cwd, ".claude"))).toEqual(["settings.json"]);
  });

  it("writes where Claude Code is told to look", async () => {
    const { cwd } = workplace();
    const env = { CLAUDE_CONFIG_DIR: join(cwd, "elsewhere") };
    await callProgram(["task", "install", "claude-code"], { cwd, env });
    expect(existsSync(join(cwd, "elsewhere/settings.json"))).toBe(true);
  });

  it("knows no other agent, and not both scopes", async () => {
    const { task } = workplace();
    expect((await task("install", "emacs")).stderr).toMatch(/'emacs'.*claude-code, codex/);
    expect((await task("install", "codex", "--user", "--project")).stderr).toContain(
      "allowed is one of them",
    );
  });

  it("installs a command that works wherever the program and the task file lie", async () => {
    const { cwd } = workplace();
    const home = join(cwd, "a program's $HOME");
    mkdirSync(home);
    cpSync("src", join(home, "src"), { recursive: true });
    cpSync("package.json", join(home, "package.json"));
    symlinkSync(resolve("node_modules"), join(home, "node_modules"));
    const file = join(cwd, "task of `this`.json");
    const main = join(home, "src/main.ts");
    const env = { PATH: process.env["PATH"], HOME: cwd };
    const args = ["--", main, "task", "install", "claude-code", "--task-file", file];
    execFileSync(process.execPath, args, { cwd, env });
    const { hooks } = JSON.parse(readFileSync(settingsOf(cwd), "utf8")) as {
      hooks: Record<string, { hooks: { command: string }[] }[]>;
    };
    const command = hooks["UserPromptSubmit"]?.[0]?.hooks[0]?.command ?? "";
    const input = eventText(cwd, { hook_event_name: "UserPromptSubmit", prompt: "Mend it" });
    const stdout = execFileSync("sh", ["-c", command], { cwd: "/", input, env: {}, encoding: "utf8" });
    expect(stdout).toBe("");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ status: "running", cwd });
  });
});

describe("task install codex", () => {
  it("adds hooks and notify, and takes both out", async () => {
    const { cwd, task } = workplace();
    const [hooks, config] = [join(cwd, ".codex/hooks.json"), join(cwd, ".codex/config.toml")];
    const before = '# mine\nmodel = "gpt"\n\n[tui]\nnotifications = true\n';
    mkdirSync(join(cwd, ".codex"));
    writeFileSync(config, before);
    const { stdout } = await task("install", "codex");
    expect(stdout).toContain("/hooks");
    const line = readFileSync(config, "utf8").split("\n")[2] ?? "";
    const [, list = ""] = /^notify = (\[.*\]) # fleet-metadata$/.exec(line) ?? [];
    const [program = "", ...args] = JSON.parse(list) as string[];
    const event = { type: "agent-turn-complete", "thread-id": "t", cwd };
    const file = join(cwd, "said.json");
    execFileSync(program, [...args, JSON.stringify(event)], { env: { FLEET_METADATA_TASK_FILE: file } });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      status: "idle",
      agent: "codex",
      session: "t",
    });
    expect(readFileSync(hooks, "utf8")).toContain("task hook codex");
    expect((await task("install", "codex")).stdout).toContain("nothing to change");
    await task("uninstall", "codex");
    expect(readFileSync(config, "utf8")).toBe(before);
    expect(readFileSync(hooks, "utf8")).toBe("{}\n");
  });

  it("leaves another program's notify to it, and says so", async () => {
    const { cwd, task } = workplace();
    mkdirSync(join(cwd, ".codex"));
    writeFileSync(join(cwd, ".codex/config.toml"), 'notify = ["bell"]\n');
    const { code, stdout } = await task("install", "codex");
    expect(code).toBe(0);
    expect(stdout).toContain("its notify names another program");
    expect(readFileSync(join(cwd, ".codex/config.toml"), "utf8")).toBe('notify = ["bell"]\n');
    expect(existsSync(join(cwd, ".codex/hooks.json"))).toBe(true);
  });

  it("writes nothing at all when one of its files is broken", async () => {
    const { cwd, task } = workplace();
    mkdirSync(join(cwd, ".codex"));
    writeFileSync(join(cwd, ".codex/config.toml"), "model = [\n");
    const { code, stderr } = await task("install", "codex");
    expect(code).toBe(1);
    expect(stderr).toContain("config.toml is left as it is");
    expect(readdirSync(join(cwd, ".codex"))).toEqual(["config.toml"]);
  });
});
