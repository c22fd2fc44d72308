// `fleet-metadata watch`: as a process, and on a terminal that the test draws itself.

import { execFile } from "node:child_process";
import { Writable } from "node:stream";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { emptyDirectory, MAIN, runProgram, startCommand } from "../helpers/program.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

async function startGit(branch: string, flags = {}) {
  const git = new ControlledCollector("git", data({ git: { branch } }));
  return { git, server: await startServer({ collectors: [git.scheduled()], flags }) };
}

/** The branch in each line of JSON. */
const branchesIn = (stdout: string): unknown[] =>
  stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map(
      (line) => (JSON.parse(line) as { data: Record<string, { value: unknown }> }).data["git_branch"]?.value,
    );

describe("as a process", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("one line of JSON per change, until %s", async (signal) => {
    const { git, server } = await startGit("one");
    const watch = startCommand(["watch", "git_branch", "--url", server.url]);
    await watch.printed((stdout) => stdout.includes('"one"'));
    git.set(data({ git: { branch: "two" } }));
    await watch.printed((stdout) => stdout.includes('"two"'));
    watch.kill(signal);
    const { code, stdout, stderr } = await watch.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(branchesIn(stdout)).toEqual(["one", "two"]);
    await until(() => server.openSockets() === 0, "no connection is left");
  });

  test("comes back to a server that was restarted, and says so", async () => {
    const { server } = await startGit("one");
    const watch = startCommand(["watch", "--url", server.url]);
    await watch.printed((stdout) => stdout.includes('"one"'));
    await server.close();
    await watch.said("; next try in 0.");
    await startGit("two", { listen: `127.0.0.1:${server.port}` });
    await watch.said(`fleet-metadata: ${server.url}: connected\n`);
    await watch.printed((stdout) => stdout.includes('"two"'));
    watch.kill("SIGINT");
    const { code, stdout, stderr } = await watch.ended;
    expect(code).toBe(0);
    expect(branchesIn(stdout)).toEqual(["one", "two"]);
    for (const line of stderr.trimEnd().split("\n")) {
      expect(line).toMatch(/^fleet-metadata: http:\S+: (.+; next try in [0-9.]+ s|connected)$/);
    }
  });

  test("waits for a server that is not there yet, and ends while it waits", async () => {
    const watch = startCommand(["watch", "--url", "http://127.0.0.1:1"]);
    await watch.said("http://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; next try in");
    watch.kill("SIGTERM");
    expect(await watch.ended).toMatchObject({ code: 0, stdout: "" });
  });

  test("a reader that has enough ends it", async () => {
    const { git, server } = await startGit("one");
    const command = `"${process.execPath}" "${MAIN}" watch --url ${server.url} | head -n 1`;
    const cwd = emptyDirectory();
    const piped = promisify(execFile)("sh", ["-c", command], { cwd, timeout: 20_000 });
    await until(() => server.subscribers() === 1, "it watches", 20_000);
    const changes = setInterval(() => git.set(data({ git: { branch: `${performance.now()}` } })), 100);
    const { stdout, stderr } = await piped.finally(() => clearInterval(changes));
    expect(branchesIn(stdout)).toEqual(["one"]);
    expect(stderr).toBe("");
  });

  test("a wrong token ends it", async () => {
    const { server } = await startGit("one", { token: "right" });
    const { code, stdout, stderr } = await runProgram(["watch", "--url", server.url, "--token", "wrong"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `fleet-metadata: ${server.url} wants a token: set --token-file or --token to the server's\n`,
    );
  });

  test("too many names end it", async () => {
    const { server } = await startGit("one");
    const names = Array.from({ length: 1_001 }, (_, index) => `k${index}`);
    const { code, stderr } = await runProgram(["watch", ...names, "--url", server.url]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^fleet-metadata: http:\S+ refuses: keys: 1001 names[^\n]+\n$/);
  });

  test("names the closest key for one that the server does not know, and goes on", async () => {
    const { git, server } = await startGit("one");
    const watch = startCommand(["watch", "git_brnch", "git_branch", "--url", server.url]);
    await watch.said('unknown key "git_brnch"; the closest known key is "git_branch"\n');
    git.set(data({ git: { branch: "two" } }));
    await watch.printed((stdout) => stdout.includes('"two"'));
    watch.kill("SIGINT");
    const { code, stderr } = await watch.ended;
    expect(code).toBe(0);
    expect(stderr.match(/unknown key/g)).toHaveLength(1);
  });
});

describe("on a terminal", () => {
  /** A terminal that notes what is written to it. */
  class Terminal extends Writable {
    readonly isTTY = true;
    written = "";
    rows: number;
    columns: number;
    constructor(rows: number, columns: number) {
      super();
      this.rows = rows;
      this.columns = columns;
    }
    override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
      this.written += chunk.toString();
      done();
    }
    /** What stands there since it was drawn last, without the control sequences. */
    shown(): string[] {
      const last = this.written.split("\u001b[H").at(-1) ?? "";
      return last.replaceAll("\u001b[K", "").replaceAll("\u001b[J", "").trimEnd().split("\n");
    }
  }

  test("a table is drawn over itself, cut to the size of the terminal", async () => {
    const { git, server } = await startGit("one");
    const stop = new AbortController();
    const stdout = new Terminal(20, 60);
    const stderr = new Terminal(20, 60);
    const ended = run(["watch", "--url", server.url], {
      env: {},
      cwd: process.cwd(),
      version: "1",
      readPage: async () => "",
      program: [],
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      signal: stop.signal,
      onHangup: () => undefined,
    });
    await until(() => stdout.shown().some((line) => /^git_branch +one$/.test(line)), "the first table");
    expect(stdout.shown()[0]).toMatch(/^KEY +VALUE$/);
    expect(stdout.written.split("\u001b[2J")).toHaveLength(2);

    git.set(data({ git: { branch: "x".repeat(100) } }));
    await until(() => stdout.written.includes("xxx"), "the next table");
    expect(Math.max(...stdout.shown().map((line) => line.length))).toBe(60);
    expect(stdout.written.split("\u001b[2J")).toHaveLength(2);

    stdout.rows = 4;
    stdout.emit("resize");
    expect(stdout.shown()).toHaveLength(2);
    expect(stdout.shown()[1]).toMatch(/^\(\d+ more lines\)$/);

    stop.abort();
    expect(await ended).toBe(0);
    expect(stdout.listenerCount("resize")).toBe(0);
    expect(stderr.written).toBe("");
  });

  test("with --json it is lines there too", async () => {
    const { server } = await startGit("one");
    const stop = new AbortController();
    const stdout = new Terminal(20, 60);
    const ended = run(["watch", "--json", "--url", server.url], {
      env: {},
      cwd: process.cwd(),
      version: "1",
      readPage: async () => "",
      program: [],
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: process.stderr,
      signal: stop.signal,
      onHangup: () => undefined,
    });
    await until(() => stdout.written.endsWith("\n"), "the first line");
    expect(branchesIn(stdout.written)).toEqual(["one"]);
    stop.abort();
    expect(await ended).toBe(0);
  });
});
