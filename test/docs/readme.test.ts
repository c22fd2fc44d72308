import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_GITHUB } from "../helpers/closed-port.ts";
import { type GitHub, openGitHub } from "../helpers/github.ts";

const run = promisify(execFile);

/** The commands of README's examples, one a line, without the two that install and start. */
const commands = [...readFileSync("README.md", "utf8").matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = ""]) => block.trim().split("\n"))
  .filter((command) => command !== "npm start" && command !== "npm test");

/** The program in TypeScript. */
const [, program = ""] = /^```ts\n(.*?)^```$/ms.exec(readFileSync("README.md", "utf8")) ?? [];

const TOKEN = `ghp_${"a".repeat(36)}`;
let github: GitHub;
let server: ChildProcess;
let directory = "";
/** What the commands write lies here: nobody's settings and no other server's task file. */
const home = mkdtempSync(join(tmpdir(), "fleet-readme-"));
let url = "";

/** A clone of octo/app, on a branch that was pushed. Returns its commit. */
function clone(): string {
  const env = { PATH: process.env["PATH"], HOME: directory, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args: string[]) => execFileSync("git", args, { cwd: directory, env, encoding: "utf8" });
  git("init", "--quiet", "--initial-branch=main");
  git("remote", "add", "origin", "https://github.com/octo/app.git");
  git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty", "-m", "a");
  git("checkout", "--quiet", "-b", "feature");
  git("update-ref", "refs/remotes/origin/feature", "HEAD");
  return git("rev-parse", "HEAD").trim();
}

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-readme-")));
  github = await openGitHub();
  github.token(TOKEN);
  const headSha = clone();
  const app = github.repo("octo/app");
  app.pull({ head: "feature", title: "A feature", headSha });
  app.check(headSha, { name: "build", conclusion: "success" });
  const args = ["--listen", "127.0.0.1:0", "--log-format", "json", "--workspace", directory];
  const env = { ...process.env, ...NO_GITHUB, GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN };
  server = spawn(process.execPath, ["src/main.ts", ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(server.stdout as Readable)) {
    url = (JSON.parse(line) as { url: string }).url;
    break;
  }
  // The first answer of GitHub may take longer than a read waits for it.
  let value: unknown;
  while (value === undefined || value === null) {
    const response = await fetch(`${url}/metadata/github_pr_number`);
    ({ value } = (await response.json()) as { value: unknown });
  }
});

afterAll(async () => {
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill();
  await ended;
  await github.close();
  rmSync(directory, { recursive: true });
  rmSync(home, { recursive: true });
});

describe("README", () => {
  it("begins with the two commands", () => {
    expect(readFileSync("README.md", "utf8")).toMatch(/^```sh\nnpm start\nnpm test\n```$/m);
  });

  it.each(commands)("%s", async (command) => {
    const env = {
      ...process.env,
      ...NO_GITHUB,
      FLEET_METADATA_URL: url,
      FLEET_METADATA_TASK_FILE: join(home, "task.json"),
      CLAUDE_CONFIG_DIR: join(home, "claude"),
      CODEX_HOME: join(home, "codex"),
    };
    const { stdout } = await run("sh", ["-c", command.replaceAll("http://127.0.0.1:8000", url)], { env });
    if (/ task (?:set|clear) /.test(`${command} `)) {
      expect(stdout).toBe("");
      return;
    }
    expect(stdout).not.toBe("");
    if (command.includes("--list-methods")) {
      expect(stdout).toContain("fleet.metadata.v1.MetadataService/GetMetadata\n");
      return;
    }
    if (/ task (?:un)?install /.test(command)) {
      expect(stdout).toContain(home);
      return;
    }
    // Of a stream of events, the first one.
    const [text = ""] = stdout.slice(stdout.indexOf("{")).split(/(?<=\})\n\n/);
    const answer = JSON.parse(text) as Record<string, unknown>;
    expect(answer).not.toHaveProperty("error");
    expect(answer).not.toHaveProperty("code");
  });

  it("shows the pull request with the typed client", async () => {
    const file = join(directory, "program.mts");
    const entry = JSON.stringify(pathToFileURL("src/client/index.ts").href);
    const runnable = program.replaceAll('"fleet-metadata/client"', entry);
    writeFileSync(file, runnable.replaceAll("http://127.0.0.1:8000", url));
    const { stdout } = await run(process.execPath, [file], { timeout: 20_000 });
    expect(stdout).toBe("1 A feature 1 of 1 passed\n");
  });

  it("shows it with curl", async () => {
    const answer = await fetch(`${url}/metadata/github_pr_checks_status`);
    expect(await answer.json()).toMatchObject({ value: "passing" });
  });
});
