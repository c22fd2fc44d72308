// The executable: built, and run on what is a machine without Node as far as it can tell: no Node on the PATH, no node_modules, no
// sources.

import { execFile } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage } from "../../scripts/build-page.ts";
import { createTestClient } from "../helpers/clients.ts";
import { documentedCommands } from "../helpers/documented.ts";
import { readManifest } from "../helpers/package.ts";
import {
  emptyDirectory,
  type ProgramOptions,
  runProgram,
  startCommand,
  startProgram,
} from "../helpers/program.ts";
import { createRepository } from "../helpers/repository.ts";

const root = join(import.meta.dirname, "../..");
const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-executable-")));
const executable = join(directory, "build/fleet-metadata");
const path = join(directory, "path");
const { version } = readManifest(root);

/** All that is there beside the executable. */
const PROGRAMS = ["git", "sh"];

function find(program: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders
    .map((folder) => join(folder, program))
    .find((file) => statSync(file, { throwIfNoEntry: false }));
  if (found === undefined) {
    throw new Error(`there is no ${program} on this machine`);
  }
  return found;
}

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, "scripts/build-sea.ts"),
    executable,
  ]);
  console.log(stdout.trim());
  mkdirSync(path);
  for (const program of PROGRAMS) {
    symlinkSync(find(program), join(path, program));
  }
}, 120_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A user of that machine, in a repository. */
function machine() {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  const options: ProgramOptions = {
    program: [executable],
    cwd: repository.root,
    env: { PATH: path, HOME: repository.home, TMPDIR: emptyDirectory() },
  };
  return { repository, options };
}

// Built for Linux only.
describe.skipIf(process.platform !== "linux")("the executable", () => {
  test("serves as the program does: plain JSON, gRPC, the page, metrics, documents", async () => {
    const { options } = machine();
    const { url, kill, ended } = await startProgram(["--log-level", "debug"], options);
    const read = async (route: string) => await (await fetch(`${url}${route}`)).text();
    expect(JSON.parse(await read("/metadata"))).toMatchObject({
      data: { git_branch: { value: "main" }, git_status: { value: "clean" } },
      meta: { serverVersion: version },
    });
    const grpc = await createTestClient("gRPC, HTTP/2", url).getMetadata({ keys: ["git_branch"] });
    expect(grpc.data["git_branch"]?.value?.kind).toEqual({ case: "stringValue", value: "main" });
    expect(await read("/")).toBe(`${await buildPage()}\n`);
    expect(await read("/metrics")).toContain(`fleet_metadata_build_info{version="${version}"`);
    expect(JSON.parse(await read("/openapi.json"))).toHaveProperty("openapi");
    expect(JSON.parse(await read("/health"))).toMatchObject({ status: "healthy" });
    kill("SIGTERM");
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("is built, installed and started by the commands of the document", async () => {
    const [build = "", install = "", start = ""] = documentedCommands("One executable");
    expect(build).toBe("npm run build:sea -- build/fleet-metadata");
    const { repository } = machine();
    const home = emptyDirectory();
    symlinkSync(repository.root, join(home, "project"));
    const env = { PATH: process.env["PATH"], HOME: home };
    await promisify(execFile)("sh", ["-ec", install], { cwd: directory, env });
    const { url } = await startProgram([], {
      program: ["/bin/sh", "-c", `exec ${start} "$@"`, "sh"],
      cwd: home,
      env: { PATH: path, HOME: home },
    });
    expect(await (await fetch(`${url}/metadata/git_branch`)).json()).toMatchObject({ value: "main" });
  });

  test("sees changes, and is told of them by events", async () => {
    const { repository, options } = machine();
    const { url } = await startProgram([], options);
    const status = async () =>
      ((await (await fetch(`${url}/metadata/git_status`)).json()) as { value: unknown }).value;
    expect(await status()).toBe("clean");
    repository.write({ "a.txt": "b\n" });
    await expect.poll(status, { timeout: 10_000 }).toBe("modified");
  });

  test("rests in less than 80 MB", async () => {
    const { options } = machine();
    const { url, pid } = await startProgram([], options);
    for (let reads = 0; reads < 50; reads += 1) {
      await (await fetch(`${url}/metadata`)).arrayBuffer();
    }
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const megabytes = (name: string): number =>
      (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1_024) / 1e6;
    const [own, file] = [megabytes("RssAnon"), megabytes("RssFile")];
    console.log(`resident after 50 reads: ${own.toFixed(0)} MB and ${file.toFixed(0)} MB of its file`);
    // Of its file it needs 48 MB, and is charged up to 6 more, depending on the pieces in which the kernel happens to hold it.
    expect(own).toBeLessThan(80 - 48);
  });

  test("leaves nothing behind, and unpacks nothing", async () => {
    const { repository, options } = machine();
    const { url, kill, ended } = await startProgram([], options);
    await (await fetch(`${url}/metadata`)).text();
    kill("SIGTERM");
    await ended;
    expect(readdirSync(options.env?.["TMPDIR"] ?? "")).toEqual([]);
    expect(readdirSync(repository.home)).toEqual([".gitconfig"]);
    expect(readdirSync(repository.root).sort()).toEqual([".git", "a.txt"]);
    expect(readdirSync(join(directory, "build"))).toEqual(["fleet-metadata"]);
  });

  test("has the commands", async () => {
    const { options } = machine();
    const { url } = await startProgram([], options);
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await runProgram(args, options);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      return stdout;
    };
    expect(await run("--version")).toBe(`${version}\n`);
    expect(await run("health", "--url", url)).toBe("healthy\n");
    expect(JSON.parse(await run("get", "git_branch", "--url", url))).toMatchObject({
      data: { git_branch: { value: "main" } },
    });
    expect(JSON.parse(await run("get", "--direct", "git_*"))).toMatchObject({
      data: { git_branch: { value: "main" } },
    });
    expect(await run("keys")).toContain("git_branch");
    expect(await run("config")).toContain("--listen");
    expect(await run("doctor", "--listen", "127.0.0.1:0")).toContain(executable);
    await run("task", "set", "running", "--description", "Mend it");
    expect(JSON.parse(await run("task", "show"))).toMatchObject({ says: { status: "running" } });
    await run("task", "clear");
    const watch = startCommand(["watch", "git_branch", "--url", url], options);
    await watch.printed((stdout) => stdout.includes('"main"'));
  });

  test("explains what is wrong as the program does", async () => {
    const { options } = machine();
    expect(await runProgram(["--listen", "nonsense"], options)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^fleet-metadata: --listen: "nonsense" is not valid; allowed /),
    });
  });

  test("writes its log for people", async () => {
    const { options } = machine();
    const server = startCommand(["serve", "--listen", "127.0.0.1:0", "--log-format", "pretty"], options);
    expect(await server.printed((stdout) => stdout.includes("listening on"))).toContain("INFO");
  });

  test("is what it installs as the hooks of agents, which write the task file", async () => {
    const { repository, options } = machine();
    const { code } = await runProgram(["task", "install", "claude-code"], options);
    expect(code).toBe(0);
    const settings = JSON.parse(readFileSync(join(repository.home, ".claude/settings.json"), "utf8")) as {
      readonly hooks: {
        readonly UserPromptSubmit: readonly [{ readonly hooks: readonly [{ command: string }] }];
      };
    };
    const { command } = settings.hooks.UserPromptSubmit[0].hooks[0];
    expect(command).toMatch(`${executable} task hook claude-code --event UserPromptSubmit`);
    const event = { hook_event_name: "UserPromptSubmit", prompt: "Mend it", cwd: repository.root };
    writeFileSync(join(repository.home, "event.json"), JSON.stringify(event));
    const hook = await runProgram([], {
      ...options,
      program: ["/bin/sh", "-c", `(${command}\n) < "$HOME/event.json"`],
    });
    expect(hook).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
    const { stdout } = await runProgram(["task", "show"], options);
    expect(JSON.parse(stdout)).toMatchObject({ says: { status: "running", description: "Mend it" } });
  });

  test("does not heed NODE_OPTIONS, which are for the Node of the project that is worked on", async () => {
    const { options } = machine();
    const env = { ...options.env, NODE_OPTIONS: "--require=/nowhere.js" };
    const { code, stdout } = await runProgram(["--version"], { ...options, env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${version}\n` });
  });

  test("leaves --env-file to the program", async () => {
    const { options } = machine();
    const cwd = emptyDirectory();
    writeFileSync(join(cwd, "settings"), "FLEET_METADATA_TOKEN=abc\nNODE_OPTIONS=--require=/nowhere.js\n");
    const { url } = await startProgram(["--env-file", "settings"], { ...options, cwd });
    expect((await fetch(`${url}/metadata`)).status).toBe(401);
  });
});
