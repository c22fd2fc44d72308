import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { callProgram } from "../helpers/call-program.ts";
import { type Ending, emptyDirectory, runProgram, startProgram } from "../helpers/program.ts";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

/** Expects one line on standard error that says so, nothing else, and an exit code that is not 0. */
function expectRefusal({ code, signal, stdout, stderr }: Ending, text: RegExp | string): void {
  expect(stderr).toMatch(/^fleet-metadata: [^\n]+\n$/);
  expect(stderr).toMatch(text);
  expect(stderr).not.toMatch(/\bat .*:\d+/);
  expect(stdout).toBe("");
  expect({ signal, failed: code !== 0 }).toEqual({ signal: null, failed: true });
}

/** A port that something listens on. */
async function takenPort(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("the program", () => {
  it("prints its version", async () => {
    expect(await runProgram(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("prints its help", async () => {
    const { code, stdout, stderr } = await runProgram(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of ["serve", "get", "watch", "keys", "task", "doctor", "config"]) {
      expect(stdout).toContain(`\n  ${command} `);
    }
  });

  it("prints the help of a command, with every setting's flag and variable", async () => {
    const { code, stdout } = await runProgram(["serve", "--help"]);
    expect(code).toBe(0);
    for (const text of ["--listen <ADDR>", "FLEET_METADATA_LISTEN", "--no-watch", "--env-file <PATH>"]) {
      expect(stdout).toContain(text);
    }
  });

  it.each([
    ["an unknown flag", ["--nonsense"], "--nonsense"],
    ["a flag that is nearly known", ["--tokn", "x"], "--token"],
    ["an unknown flag of a command", ["get", "--nonsense"], "--nonsense"],
    ["a flag without its value", ["--listen"], "--listen"],
    [
      "an unknown command",
      ["nonsense"],
      /unknown command .*nonsense.*serve, get, watch, health, keys, task, doctor, config/,
    ],
    ["a command that is nearly known", ["key"], /unknown command .*key/],
    ["a command with too much", ["serve", "nonsense"], "nonsense"],
    [
      "a workspace that is not there",
      ["--workspace", "/does/not/exist"],
      /--workspace: "\/does\/not\/exist"/,
    ],
    ["an address that is none", ["--listen", "nowhere"], /--listen: "nowhere"/],
    [
      "an address that this machine does not have",
      ["--listen", "192.0.2.1:8000", "--token", "x"],
      /--listen: .*192\.0\.2\.1/,
    ],
    ["a socket in a directory that is not there", ["--listen", "unix:/does/not/exist"], /--listen: /],
    ["an address that is not loopback, without a token", ["--listen", "0.0.0.0:0"], "is not loopback"],
    [
      "too many names",
      ["get", "--direct", ...Array.from({ length: 1_001 }, (_, index) => `k${index}`)],
      /keys: 1001 names/,
    ],
  ])("says in one line what is wrong with %s", async (_, args, text) => {
    expectRefusal(await callProgram(args), text);
  });

  it("says it as a process too, which then fails", async () => {
    expectRefusal(await runProgram(["--nonsense"]), "--nonsense");
  });

  it.each(["/does/not/exist", "/"])(
    "says in one line that a file of settings cannot be read: %s",
    async (path) => {
      expectRefusal(await callProgram(["--env-file", path]), `--env-file: "${path}" cannot be read`);
    },
  );

  it("says in one line that its directory is gone", async () => {
    const cwd = join(emptyDirectory(), "gone");
    mkdirSync(cwd);
    const through = ["sh", "-c", `rmdir '${cwd}' && exec "$0" "$@"`];
    expectRefusal(
      await runProgram(["task", "set", "running"], { cwd, through }),
      "the working directory does not exist any more",
    );
  });

  it("S24: takes nothing but settings from a file of settings, no options of Node's", async () => {
    const cwd = emptyDirectory();
    writeFileSync(join(cwd, "hostile.cjs"), "process.stdout.write('hostile');");
    writeFileSync(
      join(cwd, "settings"),
      `NODE_OPTIONS=--require ${cwd}/hostile.cjs\nFLEET_METADATA_LISTEN=:1234\n`,
    );
    const { code, stdout } = await runProgram(["config", "--env-file", "settings"], { cwd });
    expect(code).toBe(0);
    expect(stdout).not.toContain("hostile");
    expect(stdout).toContain(":1234");
  });

  it("says that flags go behind the command", async () => {
    expectRefusal(await callProgram(["--listen", ":0", "config"]), "flags go behind the command");
  });

  it("says in one line that the address is in use", async () => {
    const port = await takenPort();
    expectRefusal(
      await runProgram(["--listen", `127.0.0.1:${port}`]),
      `127.0.0.1:${port}: the address is in use`,
    );
  });

  it("names a setting by its variable when that is what is wrong", async () => {
    expectRefusal(
      await callProgram(["serve"], { env: { FLEET_METADATA_LOG_LEVEL: "loud" } }),
      /FLEET_METADATA_LOG_LEVEL: "loud" is not valid; allowed are trace/,
    );
  });
});

describe("keys", () => {
  it("lists the catalogue", async () => {
    const { code, stdout } = await callProgram(["keys"]);
    const { keys } = JSON.parse(stdout) as {
      keys: { key: string; source: string; schema: { type: string } }[];
    };
    expect(code).toBe(0);
    expect(keys.map(({ key }) => key)).toEqual(createCatalogue().leaves.map(({ key }) => key));
    expect(keys[0]).toMatchObject({ key: "git_branch", source: "git", schema: { type: "string" } });
  });
});

describe("config", () => {
  it("shows every setting, its origin, and no secret", async () => {
    const file = join(emptyDirectory(), "settings");
    const lines = ["FLEET_METADATA_LOG_LEVEL=warn", "FLEET_METADATA_TOKEN=5ecret-token", "GH_TOKEN=5ecret"];
    writeFileSync(file, lines.join("\n"));
    const { code, stdout, stderr } = await callProgram(["config", "--listen", ":0", "--env-file", file], {
      env: { FLEET_METADATA_JSON_NAMES: "proto" },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("5ecret");
    const { settings } = JSON.parse(stdout) as { settings: Record<string, string>[] };
    const of = (flag: string) => settings.find(({ setting }) => setting === flag);
    expect(of("--listen")).toMatchObject({ origin: "flag", value: ":0", variable: "FLEET_METADATA_LISTEN" });
    expect(of("--json-names")).toMatchObject({ origin: "environment", value: "proto" });
    expect(of("--log-level")).toMatchObject({ origin: "env file", value: "warn" });
    expect(of("--token")).toMatchObject({ origin: "env file", value: "********" });
    expect(of("GITHUB_TOKEN")).toMatchObject({
      origin: "env file",
      value: "********",
      variable: "GITHUB_TOKEN, GH_TOKEN",
    });
    expect(of("--git-deadline")).toMatchObject({ origin: "default", value: "5s" });
  });

  it("shows what Coder decides where nothing else does", async () => {
    const env = {
      CODER: "true",
      CODER_URL: "https://coder.example",
      CODER_SESSION_TOKEN: "5ecret",
      VSCODE_PROXY_URI: "https://{{port}}--main--dev--ann.apps.example",
    };
    const { stdout } = await callProgram(["config"], { env });
    expect(stdout).not.toContain("5ecret");
    const { settings } = JSON.parse(stdout) as { settings: Record<string, string>[] };
    const of = (flag: string) => settings.find(({ setting }) => setting === flag);
    expect(of("--allowed-host")).toMatchObject({
      origin: "coder",
      value: "*--dev--ann.apps.example,coder.example",
      source: "VSCODE_PROXY_URI, CODER_URL",
    });
    expect(of("--agentapi-url")).toMatchObject({ origin: "coder", value: "http://127.0.0.1:3284" });
    expect(of("--coder-url")).toMatchObject({ origin: "coder", value: "https://coder.example" });
    expect(of("--coder-token-file")).toMatchObject({ value: "********", source: "CODER_SESSION_TOKEN" });
    const named = await callProgram(["config", "--agentapi-url", "none"], { env });
    expect(named.stdout).toMatch(/"value": "none",\s+"origin": "flag"/);
  });

  it("shows no password of an address, and paths as they are", async () => {
    const cwd = join(emptyDirectory(), "me@example");
    mkdirSync(cwd);
    const { stdout } = await callProgram(["config", "--url", "http://user:5ecret@a.example/x"], {
      cwd,
      env: { CODER: "true", CODER_URL: "https://user:5ecret@coder.example", FLEET_METADATA_WORKSPACE: cwd },
    });
    expect(stdout).not.toContain("5ecret");
    expect(stdout).toContain('"http://********@a.example/x"');
    expect(stdout).toContain('"https://********@coder.example"');
    expect(stdout).toContain(JSON.stringify(cwd));
  });

  it("shows what is in force by default, and which of several variables counts", async () => {
    const cwd = emptyDirectory();
    const { stdout } = await callProgram(["config"], { cwd, env: { GH_TOKEN: "5ecret" } });
    const { settings } = JSON.parse(stdout) as { settings: Record<string, string>[] };
    const of = (name: string) => settings.find(({ setting }) => setting === name);
    expect(of("--workspace")).toMatchObject({ origin: "default", value: cwd, source: "" });
    expect(of("GITHUB_TOKEN")).toMatchObject({
      origin: "environment",
      source: "GH_TOKEN",
      value: "********",
    });
    expect(of("GITHUB_API_URL")).toMatchObject({ origin: "default", value: "https://api.github.com" });
  });

  it("points out variables that are no setting", async () => {
    const file = join(emptyDirectory(), "settings");
    writeFileSync(file, "FLEET_METADATA_TOKENFILE=/token\n");
    const { code, stdout, stderr } = await callProgram(["config", "--env-file", file], {
      env: { FLEET_METADATA_WORKSPCE: "5ecret" },
    });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain("5ecret");
    expect(JSON.parse(stdout)).toMatchObject({
      unknown: [
        { name: "FLEET_METADATA_WORKSPCE", origin: "environment", closest: "FLEET_METADATA_WORKSPACE" },
        { name: "FLEET_METADATA_TOKENFILE", origin: "env file", closest: "FLEET_METADATA_TOKEN_FILE" },
      ],
    });
    expect(stderr.match(/ is no setting and has no effect/g)).toHaveLength(2);
  });

  it("refuses what serve would refuse", async () => {
    expectRefusal(await callProgram(["config", "--log-level", "loud"]), /--log-level: "loud"/);
  });

  it("S24: takes nothing from the workspace", async () => {
    const workspace = emptyDirectory();
    for (const name of [".env", ".env.local", ".npmrc", "fleet-metadata.env"]) {
      writeFileSync(
        join(workspace, name),
        "FLEET_METADATA_LOG_LEVEL=trace\nFLEET_METADATA_LISTEN=0.0.0.0:1\n",
      );
    }
    const { stdout } = await runProgram(["config"], {
      cwd: workspace,
      env: { FLEET_METADATA_TASK_FILE: "", GITHUB_API_URL: "" },
    });
    const { settings } = JSON.parse(stdout) as { settings: Record<string, string>[] };
    expect(new Set(settings.map(({ origin }) => origin))).toEqual(new Set(["default"]));
  });
});

describe("get", () => {
  const read = (stdout: string) =>
    JSON.parse(stdout) as {
      data?: Record<string, { value: unknown }>;
      meta: { serverVersion: string };
      sources: Record<string, { state: string }>;
    };

  it("collects without a server", async () => {
    const cwd = emptyDirectory();
    writeFileSync(join(cwd, "task.json"), JSON.stringify({ status: "waiting" }));
    const { code, stdout, stderr } = await runProgram(["get", "--direct"], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(read(stdout)).toMatchObject({
      data: { workspace_directory: { value: cwd }, workspace_task_status: { value: "waiting" } },
      meta: { serverVersion: version },
      sources: { git: { state: "SOURCE_STATE_NO_DATA" }, github: { state: "SOURCE_STATE_NO_DATA" } },
    });
  });

  it("collects only what it is asked for", async () => {
    const { stdout } = await callProgram(["get", "--direct", "workspace_directory"]);
    expect(Object.keys(read(stdout).data ?? {})).toEqual(["workspace_directory"]);
  });

  it("names the closest key for one that it does not know, and fails", async () => {
    const { code, stdout, stderr } = await callProgram([
      "get",
      "--direct",
      "git_brnch",
      "workspace_directory",
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toBe('fleet-metadata: unknown key "git_brnch"; the closest known key is "git_branch"\n');
    expect(Object.keys(read(stdout).data ?? {})).toEqual(["workspace_directory"]);
  });

  it("says in one line that no server answers", async () => {
    expectRefusal(
      await callProgram(["get", "--url", "http://127.0.0.1:1"]),
      /http:\/\/127\.0\.0\.1:1 does not answer/,
    );
  });

  it("S23: shows what a foreign server says of itself in one line that commands no terminal", async () => {
    const message = "\u001b]0;title\u0007\u001b[31mred\nfleet-metadata: all is well\u202e";
    const server = createHttpServer((request, response) => {
      request.resume();
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: "internal", message }));
    });
    onTestFinished(() => void server.close().closeAllConnections());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const ending = await callProgram(["get", "--url", `http://127.0.0.1:${port}`]);
    expectRefusal(ending, "does not answer: red\\nfleet-metadata: all is well (name");
    expect(ending.stderr).not.toMatch(/[^ -~\n]/);
  });

  it("asks a running server, with its token", async () => {
    const { url } = await startProgram(["--token", "abc"]);
    const { code, stdout } = await runProgram(["get", "workspace_hostname", "--url", url, "--token", "abc"]);
    expect(code).toBe(0);
    expect(Object.keys(read(stdout).data ?? {})).toEqual(["workspace_hostname"]);
    expectRefusal(await callProgram(["get", "--url", url, "--token", "wrong"]), url);
    const unknown = await callProgram(["get", "worksapce_name", "--url", url, "--token", "abc"]);
    expect(unknown.code).not.toBe(0);
    expect(unknown.stderr).toContain('the closest known key is "workspace_name"');
  });
});
