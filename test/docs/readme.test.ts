import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);

/** The commands of README's examples, one a line, without the two that install and start. */
const commands = [...readFileSync("README.md", "utf8").matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = ""]) => block.trim().split("\n"))
  .filter((command) => command !== "npm start" && command !== "npm test");

/** What the commands write lies here: nobody's settings and no other server's task file. */
const home = mkdtempSync(join(tmpdir(), "fleet-readme-"));

const server = spawn(process.execPath, ["src/main.ts", "--listen", "127.0.0.1:0", "--log-format", "json"], {
  stdio: ["ignore", "pipe", "inherit"],
});
let url = "";

beforeAll(async () => {
  for await (const line of createInterface(server.stdout)) {
    url = (JSON.parse(line) as { url: string }).url;
    break;
  }
});

afterAll(async () => {
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill();
  await ended;
  rmSync(home, { recursive: true });
});

describe("README", () => {
  it("begins with the two commands", () => {
    expect(readFileSync("README.md", "utf8")).toMatch(/^```sh\nnpm start\nnpm test\n```$/m);
  });

  it.each(commands)("%s", async (command) => {
    const env = {
      ...process.env,
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
});
