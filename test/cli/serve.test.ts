import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Agent, get, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { processesIn, until } from "../helpers/processes.ts";
import { emptyDirectory, runProgram, startProgram } from "../helpers/program.ts";

interface Answer {
  readonly data: { readonly git_branch?: { readonly value: unknown; readonly error?: string } };
  readonly sources: Readonly<
    Record<"git" | "task" | "workspace", { readonly state: string; readonly reason?: string }>
  >;
}

/** The whole metadata, over a connection of this agent. */
async function readJson(url: string, agent: Agent): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get(`${url}/metadata`, { agent }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      body += chunk;
    });
    response.on("end", () => resolve(body));
  }).on("error", reject);
  return JSON.parse(await promise) as Answer;
}

describe("serve", () => {
  it("prints where it listens and what it serves, and answers there", async () => {
    const cwd = emptyDirectory();
    const { url, kill, ended } = await startProgram([], { cwd });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const response = await fetch(`${url}/metadata`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ data: { workspace_directory: { value: cwd } } });
    kill("SIGTERM");
    const { stdout } = await ended;
    expect(JSON.parse(stdout.split("\n")[0] ?? "")).toMatchObject({ url, workspace: cwd });
  });

  it("takes its settings from a file that is named, and from no other", async () => {
    const cwd = emptyDirectory();
    writeFileSync(join(cwd, "settings"), "FLEET_METADATA_TOKEN=abc\n");
    const { url } = await startProgram(["--env-file", "settings"], { cwd });
    expect((await fetch(`${url}/metadata`)).status).toBe(401);
    const headers = { authorization: "Bearer abc" };
    expect((await fetch(`${url}/metadata`, { headers })).status).toBe(200);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("S18: stops at %s, with exit code 0", async (signal) => {
    const { kill, ended, url } = await startProgram([]);
    await fetch(`${url}/metadata`);
    kill(signal);
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { msg: string }).msg)
        .at(-1),
    ).toBe("stopping");
  });

  it("S18: stops within 5 s, with everything that it started, while git hangs and a reader waits", async () => {
    const cwd = emptyDirectory();
    const bin = emptyDirectory();
    execFileSync("git", ["init", "--quiet"], { cwd, env: { PATH: process.env["PATH"], HOME: cwd } });
    const script = `#!/bin/sh\ntrap '' INT TERM HUP\n: > ${bin}/started\nwhile :; do sleep 1; done\n`;
    writeFileSync(join(bin, "git"), script);
    chmodSync(join(bin, "git"), 0o755);
    const env = { PATH: `${bin}:${process.env["PATH"]}` };
    const { kill, ended, url } = await startProgram(["--git-deadline", "10m"], { cwd, env });
    const reading = fetch(`${url}/metadata`).then(
      (response) => response.status,
      () => "ended",
    );
    while (!existsSync(join(bin, "started"))) {
      await fetch(`${url}/health`);
    }
    const startedMs = performance.now();
    kill("SIGTERM");
    const { code } = await ended;
    expect(code).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect([200, 503, "ended"]).toContain(await reading);
    // What was killed is gone a moment later.
    await until(() => processesIn(cwd).length === 0);
  });

  it("S18: ends at once at a second signal", async () => {
    const { kill, ended, url, logged } = await startProgram([]);
    // A request that never ends holds up the stop; the server has it when it asks for the body.
    const held = request(`${url}/fleet.metadata.v1.MetadataService/GetMetadata`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": "2", expect: "100-continue" },
    });
    held.on("error", () => undefined);
    held.flushHeaders();
    await once(held, "continue");
    kill("SIGTERM");
    await logged("stopping");
    kill("SIGTERM");
    const { code, signal } = await ended;
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    held.destroy();
  });

  it("S22: out of file descriptors, answers go on with the last good values, and are fresh again afterwards", async () => {
    const cwd = emptyDirectory();
    execFileSync("git", ["init", "--quiet", "--initial-branch=main"], {
      cwd,
      env: { PATH: process.env["PATH"], HOME: cwd },
    });
    writeFileSync(join(cwd, "task.json"), JSON.stringify({ status: "idle" }));
    const { url, kill, ended } = await startProgram(["--no-watch"], { cwd, maxOpenFiles: 64 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    /** Reads over the one connection that is there already, until git and the task file are in these states. */
    const readUntil = async (git: string, task: string): Promise<Answer> => {
      for (;;) {
        const answer = await readJson(url, agent);
        const { sources } = answer;
        if (sources.git.state === `SOURCE_STATE_${git}` && sources.task.state === `SOURCE_STATE_${task}`) {
          return answer;
        }
      }
    };
    const before = await readUntil("FRESH", "FRESH");
    expect(before.data.git_branch).toMatchObject({ value: "main" });
    const crowd = Array.from({ length: 100 }, () => connect(Number(new URL(url).port), "127.0.0.1"));
    for (const socket of crowd) {
      socket.on("error", () => undefined);
    }
    const during = await readUntil("STALE", "STALE");
    expect(during.data.git_branch).toMatchObject({ value: "main", error: expect.stringContaining("EMFILE") });
    expect(during.sources.task).toMatchObject({
      state: "SOURCE_STATE_STALE",
      reason: "TASK_FILE_UNREADABLE",
    });
    expect(during.sources.workspace.state).toBe("SOURCE_STATE_FRESH");
    for (const socket of crowd) {
      socket.destroy();
    }
    const after = await readUntil("FRESH", "FRESH");
    expect(after.data.git_branch).not.toHaveProperty("error");
    agent.destroy();
    kill("SIGTERM");
    expect((await ended).code).toBe(0);
  });

  it("S24: loads and runs nothing from the workspace", async () => {
    const cwd = emptyDirectory();
    const trace = join(emptyDirectory(), "ran");
    const harm = `require("node:fs").writeFileSync(${JSON.stringify(trace)}, "");`;
    for (const name of ["pino", "pino-pretty", "commander", "zod", "@connectrpc/connect"]) {
      mkdirSync(join(cwd, "node_modules", name), { recursive: true });
      writeFileSync(join(cwd, "node_modules", name, "index.js"), harm);
      writeFileSync(
        join(cwd, "node_modules", name, "package.json"),
        JSON.stringify({ name, main: "index.js" }),
      );
    }
    writeFileSync(join(cwd, "index.js"), harm);
    writeFileSync(
      join(cwd, "package.json"),
      JSON.stringify({ name: "fleet-metadata", main: "index.js", type: "commonjs" }),
    );
    writeFileSync(join(cwd, ".npmrc"), "node-options=--require ./index.js\n");
    writeFileSync(join(cwd, ".env"), "NODE_OPTIONS=--require ./index.js\nFLEET_METADATA_TOKEN=theirs\n");
    mkdirSync(join(cwd, "bin"));
    writeFileSync(join(cwd, "git"), `#!/bin/sh\n: > ${trace}\n`, { mode: 0o755 });
    execFileSync("git", ["init", "--quiet"], { cwd, env: { PATH: process.env["PATH"], HOME: cwd } });
    const { url, kill, ended } = await startProgram([], { cwd });
    const response = await fetch(`${url}/metadata`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ sources: { git: { state: "SOURCE_STATE_FRESH" } } });
    kill("SIGTERM");
    expect((await ended).code).toBe(0);
    expect(existsSync(trace)).toBe(false);
  });

  it("ends quietly when its reader goes away", async () => {
    const { stdout } = await runProgram(["keys", "--json"]);
    expect(stdout.length).toBeGreaterThan(1_000);
    const cwd = emptyDirectory();
    const main = join(import.meta.dirname, "../../src/main.ts");
    const command = `"${process.execPath}" "${main}" keys | head -c 1`;
    expect(
      execFileSync("sh", ["-c", command], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
    ).toBe("{");
  });
});
