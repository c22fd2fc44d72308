// What the Coder module's scripts do in a workspace: real shells, real processes, the real server.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createCoderWorkspace, renderItem, writeCommand } from "../helpers/coder-module.ts";
import { startGitHub } from "../helpers/github.ts";
import { MAIN } from "../helpers/program.ts";
import { until } from "../helpers/wait.ts";

/** Processes are started one after the other, each with a Node. */
const TIMEOUT = { timeout: 90_000 };
const LONG_MS = 30_000;

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

describe("the start", TIMEOUT, () => {
  test("serves the workspace, and a second one leaves it alone", async () => {
    const { start, url, project, servers } = await createCoderWorkspace();
    const first = await start();
    expect(first.output).toMatch(`serves ${project} at ${url} (process `);
    expect(first.code).toBe(0);
    expect(await statusOf(`${url}/health`)).toBe(200);
    expect(await statusOf(`${url}/`)).toBe(200);
    const answer = (await (await fetch(`${url}/metadata/workspace_directory`)).json()) as { value: string };
    expect(answer.value).toBe(project);
    const running = servers();
    expect(running).toHaveLength(1);

    const second = await start();
    expect(second.output).toContain("is running already");
    expect(second.code).toBe(0);
    expect(servers()).toEqual(running);
  });

  test("with other settings replaces the server", async () => {
    const { start, servers, log } = await createCoderWorkspace();
    await start();
    const [before] = servers();
    const again = await start({ FM_LOG_LEVEL: "debug" });
    expect(again.output).toContain("settings have changed");
    expect(again.code).toBe(0);
    expect(servers()).toHaveLength(1);
    expect(servers()).not.toContain(before);
    expect(log()).toContain("stopping");
  });

  test("four at once make one server, whatever a start that was killed has left, and however long it all takes", async () => {
    const { start, servers, home, port, bin } = await createCoderWorkspace();
    const state = join(home, ".local/state/fleet-metadata", String(port));
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, `start.${process.pid}.1`), "");
    for (const command of ["cat", "mv", "rm", "sed"]) {
      const path = execFileSync("sh", ["-c", `command -v ${command}`], { encoding: "utf8" }).trim();
      writeCommand(
        join(bin, command),
        `sleep 0.$(od -An -N1 -tu1 /dev/urandom | tr -d ' ')\nexec '${path}' "$@"`,
      );
    }
    const results = await Promise.all([start(), start(), start(), start()]);
    const said = results.map(({ output }) => output.replaceAll(/\(process .*|at http.*/g, "").trim());
    const running = "fleet-metadata: is running already";
    expect(said.sort()).toEqual([running, running, running, expect.stringContaining("serves ")]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(servers()).toHaveLength(1);
  });

  test("waits for a workspace that is cloned meanwhile", async () => {
    const { start, home, url, log } = await createCoderWorkspace();
    const { output, code } = await start({ FM_WORKSPACE: "~/later" });
    expect(output).toContain(`starts as soon as ${home}/later is there`);
    expect(code).toBe(0);
    await until(() => log().includes(`waits for ${home}/later`), "the log", LONG_MS);
    mkdirSync(join(home, "later"));
    await until(() => log().includes(`listening on ${url}`), "the server", LONG_MS);
  });

  test("is not misled by a process of today that has the number of one of yesterday", async () => {
    const { start, home, port, servers } = await createCoderWorkspace();
    await start();
    const state = join(home, ".local/state/fleet-metadata", String(port));
    const [server = 0] = servers();
    process.kill(server, "SIGTERM");
    await until(() => existsSync(join(state, "exit")), "its end", LONG_MS);
    writeFileSync(join(state, "process"), `${process.pid} 1\n`);
    rmSync(join(state, "exit"));
    expect((await start()).output).toContain("serves ");
    expect(servers()).toHaveLength(1);
  });

  test("fails with the server's own words where the port is taken", async () => {
    const { start, port, servers } = await createCoderWorkspace();
    const other = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
    onTestFinished(() => void other.close());
    const { output, code } = await start();
    expect(output).toContain(`cannot listen on 127.0.0.1:${port}: the address is in use`);
    expect(code).toBe(1);
    expect(servers()).toEqual([]);
  });

  test("passes settings on, whatever is in them", async () => {
    const { start, url, home } = await createCoderWorkspace();
    const file = join(home, "a b'c.json");
    writeFileSync(file, '{"status": "waiting"}');
    await start({ FM_SETTINGS: `export FLEET_METADATA_TASK_FILE='${file.replaceAll("'", "'\\''")}'` });
    const answer = (await (await fetch(`${url}/metadata/workspace_task_status`)).json()) as { value: string };
    expect(answer.value).toBe("waiting");
  });
});

test(
  "the names of Coder's proxy are the server's, and its dashboard may frame the page",
  TIMEOUT,
  async () => {
    const { start, url } = await createCoderWorkspace();
    await start(
      {},
      {
        CODER: "true",
        CODER_AGENT_URL: "https://coder.example.com/",
        CODER_WORKSPACE_NAME: "dev",
        CODER_WORKSPACE_OWNER_NAME: "alice",
        VSCODE_PROXY_URI: "https://{{port}}--main--dev--alice.apps.example.com",
      },
    );
    /** Asks for the page by a name. */
    const ask = async (host: string) => {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      get(url, { headers: { host } }, resolve).once("error", reject);
      const response = await promise;
      response.resume();
      return { status: response.statusCode, policy: String(response.headers["content-security-policy"]) };
    };
    for (const host of ["fleet-metadata--main--dev--alice.apps.example.com", "coder.example.com"]) {
      const { status, policy } = await ask(host);
      expect(status).toBe(200);
      expect(policy).toContain("frame-ancestors 'self' https://coder.example.com");
    }
    expect((await ask("fleet-metadata--main--dev--mallory.apps.example.com")).status).toBe(403);
  },
);

describe("the server in the background", TIMEOUT, () => {
  test("is started again when it has crashed, and not when it was told to stop", async () => {
    const { start, url, servers, log, home, port } = await createCoderWorkspace();
    await start();
    const [crashed = 0] = servers();
    process.kill(crashed, "SIGKILL");
    await until(
      () => log().includes("has ended with code 137; it is started again in 1 s"),
      "the log",
      LONG_MS,
    );
    await until(() => log().split("listening on").length === 3, "the second server", LONG_MS);
    expect(await statusOf(`${url}/health`)).toBe(200);
    const [told = 0] = servers();
    process.kill(told, "SIGTERM");
    const exit = join(home, ".local/state/fleet-metadata", String(port), "exit");
    await until(() => existsSync(exit), "its end", LONG_MS);
    expect(servers()).toEqual([]);
    expect((await start()).output).toContain(`serves `);
  });

  test("stops with the workspace, with all that was started beside it", async () => {
    const { start, stop, servers, home, log } = await createCoderWorkspace();
    await start();
    const { output, code } = await stop();
    expect(output).toContain("stopping (process ");
    expect(code).toBe(0);
    expect(servers()).toEqual([]);
    expect(log().trimEnd().split("\n").at(-1)).toContain('"msg":"stopping"');
    expect(existsSync(join(home, ".local/state/fleet-metadata/github-token"))).toBe(false);
    expect((await stop()).code).toBe(0);
  });

  test("has a log that does not grow without bound", async () => {
    const { start, url, home } = await createCoderWorkspace();
    const max = 16_384;
    await start({ FM_LOG_LEVEL: "debug", FM_LOG_MAX: String(max) });
    const file = join(home, ".local/state/fleet-metadata/log");
    for (let count = 0; count < 500; count += 1) {
      await statusOf(`${url}/health`);
    }
    await until(() => existsSync(`${file}.1`), "the log before", LONG_MS);
    expect(statSync(file).size).toBeLessThanOrEqual(max);
    expect(statSync(`${file}.1`).size).toBeLessThanOrEqual(max);
    for (const line of readFileSync(`${file}.1`, "utf8").trimEnd().split("\n")) {
      expect(() => JSON.parse(line) as unknown).not.toThrow();
    }
  });
});

describe("GitHub's token", TIMEOUT, () => {
  /** A repository of octo/app whose branch has a pull request, and GitHub with one token. */
  async function scene(token: string) {
    const workspace = await createCoderWorkspace();
    const env = { PATH: process.env["PATH"], HOME: workspace.home };
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
        cwd: workspace.project,
        env,
        encoding: "utf8",
      });
    git("init", "--quiet", "--initial-branch=main");
    git("remote", "add", "origin", "https://github.com/octo/app.git");
    git("commit", "--quiet", "--allow-empty", "-m", "a");
    const github = await startGitHub();
    github.token(token);
    github.repo("octo/app");
    return { ...workspace, github, settings: { FM_SETTINGS: `export GITHUB_API_URL='${github.apiUrl}'` } };
  }

  test("comes from Coder, and goes when the server does", async () => {
    const token = `gho_${"b".repeat(36)}`;
    const { start, stop, bin, github, settings, home, url, log } = await scene(token);
    writeCommand(
      join(bin, "coder"),
      `[ "$*" = 'external-auth access-token my-github' ] && printf %s ${token}`,
    );
    await start({ ...settings, FM_GITHUB_AUTH: "external-auth", FM_GITHUB_AUTH_ID: "my-github" });
    const isUsed = (): boolean => github.books.requests.some((request) => request.token === token);
    const end = performance.now() + LONG_MS;
    while (!isUsed() && performance.now() < end) {
      await statusOf(`${url}/metadata?keys=github_*`);
    }
    expect(isUsed()).toBe(true);
    expect(log()).toContain("has a token for GitHub from Coder");
    expect(log()).not.toContain(token);
    const files = join(home, ".local/state/fleet-metadata", new URL(url).port);
    expect(statSync(join(files, "github-token")).mode & 0o777).toBe(0o600);
    await stop();
    expect(existsSync(join(files, "github-token"))).toBe(false);
  });

  test("that the user has not granted yet is asked for in the log", async () => {
    const { start, bin, log, settings } = await scene("unused");
    writeCommand(join(bin, "coder"), "printf %s https://coder.example.com/external-auth/github; exit 1");
    await start({ ...settings, FM_GITHUB_AUTH: "external-auth" });
    const said = "has no token for GitHub: log in at https://coder.example.com/external-auth/github";
    await until(() => log().includes(said), "the address", LONG_MS);
  });

  test("of the environment is left out when none is wanted", async () => {
    const token = `ghp_${"c".repeat(36)}`;
    const { start, github, settings, url } = await scene(token);
    await start({ ...settings, FM_GITHUB_AUTH: "none" }, { GITHUB_TOKEN: token });
    await statusOf(`${url}/metadata?keys=github_*`);
    await until(() => github.books.requests.length > 0, "a request", LONG_MS);
    expect(github.books.requests.every((request) => request.token === undefined)).toBe(true);
  });
});

describe("the installation", TIMEOUT, () => {
  /** A package that npm can install without a registry: the program from its sources. */
  async function scene() {
    const workspace = await createCoderWorkspace();
    const { home, bin } = workspace;
    const folder = join(home, "package");
    mkdirSync(folder);
    const manifest = { name: "fleet-metadata", version: "9.9.9", bin: { "fleet-metadata": "run.sh" } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    writeCommand(join(folder, "run.sh"), `exec '${process.execPath}' -- '${MAIN}' "$@"`);
    execFileSync("rm", [join(bin, "fleet-metadata")]);
    execFileSync("npm", ["pack", "--silent", folder], { cwd: home, env: { ...process.env, HOME: home } });
    const links = join(home, "links");
    return {
      ...workspace,
      tarball: join(home, "fleet-metadata-9.9.9.tgz"),
      links,
      env: { CODER_SCRIPT_BIN_DIR: links },
    };
  }

  test("with npm goes into its prefix, once, and onto the PATH", async () => {
    const { start, stop, tarball, home, links, env, url } = await scene();
    const settings = { FM_INSTALL_METHOD: "npm", FM_INSTALL_SOURCE: tarball };
    const first = await start(settings, env);
    expect(first.output).toContain(`installing ${tarball}`);
    expect(first.code, first.output).toBe(0);
    expect(await statusOf(`${url}/health`)).toBe(200);
    expect(existsSync(join(home, ".local/share/fleet-metadata/bin/fleet-metadata"))).toBe(true);
    expect(execFileSync(join(links, "fleet-metadata"), ["--version"], { encoding: "utf8" })).toMatch(/^\d/);
    await stop();
    const second = await start(settings, env);
    expect(second.output).not.toContain("installing");
    expect(second.code).toBe(0);
  });

  test("that fails does no harm to one that is there", async () => {
    const { start, stop, tarball, home } = await scene();
    const settings = { FM_INSTALL_METHOD: "npm", FM_INSTALL_SOURCE: tarball };
    await start(settings);
    await stop();
    const { output, code } = await start({ ...settings, FM_INSTALL_SOURCE: join(home, "missing.tgz") });
    expect(output).toContain("the program that is there goes on");
    expect(code).toBe(0);
  });

  test("with npx runs the program itself, and nothing that lies where the script is run", async () => {
    const { start, tarball, url, servers, home, project } = await scene();
    writeFileSync(join(project, "package.json"), "{}");
    writeFileSync(join(project, ".npmrc"), `script-shell=${home}/hostile\n`);
    writeCommand(join(home, "hostile"), `: > '${home}/called'; exec sh "$@"`);
    const { output, code } = await start({ FM_INSTALL_METHOD: "npx", FM_INSTALL_SOURCE: tarball });
    expect(code, output).toBe(0);
    expect(await statusOf(`${url}/health`)).toBe(200);
    expect(existsSync(join(home, "called"))).toBe(false);
    expect(servers()).toHaveLength(1);
  });

  test("of an executable looks at its digest", async () => {
    const { start, home, url } = await scene();
    const file = join(home, "package/run.sh");
    const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
    const settings = { FM_INSTALL_METHOD: "executable", FM_INSTALL_SOURCE: `file://${file}` };
    const wrong = await start({
      ...settings,
      FM_INSTALL_SHA256: digest.replace(/^./, (c) => (c === "0" ? "1" : "0")),
    });
    expect(wrong.output).toContain("its SHA-256 is another one");
    expect(wrong.code).toBe(1);
    const { output, code } = await start({ ...settings, FM_INSTALL_SHA256: digest });
    expect(code, output).toBe(0);
    expect(await statusOf(`${url}/health`)).toBe(200);
  });

  test("says what is missing", async () => {
    const { start } = await scene();
    const { output, code } = await start();
    expect(output).toContain("fleet-metadata is not on the PATH: put it into the image");
    expect(code).toBe(1);
  });
});

describe("an item of metadata", TIMEOUT, () => {
  test("prints the values, with a token where one is needed", async () => {
    const { start, script, project, home, url } = await createCoderWorkspace();
    const env = { PATH: process.env["PATH"], HOME: home };
    execFileSync("git", ["init", "--quiet", "--initial-branch=feature/x"], { cwd: project, env });
    const secret = { FLEET_METADATA_TOKEN: "abc" };
    await start({}, secret);
    expect(await script(renderItem(url, "git_branch git_status"), secret)).toEqual({
      code: 0,
      output: "feature/x, clean\n",
    });
    expect(await script(renderItem(url, "git_ahead"), secret)).toEqual({ code: 0, output: "-\n" });
    expect(await script(renderItem(url, "git_untracked_files git_branch"), secret)).toEqual({
      code: 0,
      output: "0, feature/x\n",
    });
    expect((await script(renderItem(url, "git_branch"))).code).toBe(1);
  });

  test("prints texts as they are, whatever is in them, on one line", async () => {
    const { start, script, project, home, url } = await createCoderWorkspace();
    const taskFile = join(home, "task.json");
    const description = 'Say "hi" to $(id) `id` in C:\\x,\n"value":"x"} %s é';
    writeFileSync(taskFile, JSON.stringify({ status: "running", description, cwd: project }));
    await start({ FM_SETTINGS: `export FLEET_METADATA_TASK_FILE='${taskFile}'` });
    expect(await script(renderItem(url, "workspace_task_status workspace_task_description"))).toEqual({
      code: 0,
      output: 'running, Say "hi" to $(id) `id` in C:\\x, "value":"x"} %s é\n',
    });
  });

  test.skipIf(spawnSync("wget", ["--version"]).status !== 0)(
    "does with wget where there is no curl",
    async () => {
      const { start, script, home, url } = await createCoderWorkspace();
      const commands = join(home, "commands");
      mkdirSync(commands);
      for (const name of ["sed", "wget"]) {
        const path = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
        symlinkSync(path, join(commands, name));
      }
      await start();
      const result = await script(renderItem(url, "workspace_provider"), { PATH: commands });
      expect(result).toEqual({ code: 0, output: "local\n" });
    },
  );

  test("says when the server is not there", async () => {
    const { script, url } = await createCoderWorkspace();
    expect(await script(renderItem(url, "git_branch"))).toEqual({
      code: 1,
      output: "fleet-metadata does not answer\n",
    });
  });
});

const SCRIPTS = ["run.sh", "supervise.sh", "metadata.sh"].map((name) => join("deploy/coder", name));

test.each(SCRIPTS)("%s is plain shell", (script) => {
  for (const shell of ["sh", "bash"]) {
    execFileSync(shell, ["-n", script]);
  }
});

test.skipIf(spawnSync("shellcheck", ["--version"]).status !== 0)(
  "shellcheck finds nothing wrong with the scripts (needs Debian's package shellcheck)",
  () => {
    const { status, stdout } = spawnSync("shellcheck", SCRIPTS, { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  },
);
