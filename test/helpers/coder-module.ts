// The Coder module's scripts as a workspace runs them: with their settings in front, in a home of their own, with the program from its
// sources on the PATH.

import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { NO_GITHUB } from "./closed-port.ts";
import { processesIn } from "./processes.ts";
import { emptyDirectory, MAIN } from "./program.ts";

export const MODULE = join(import.meta.dirname, "../../deploy/coder");

const read = (name: string): string => readFileSync(join(MODULE, name), "utf8");

/** The module's defaults, as its scripts see them. */
export const DEFAULTS = {
  FM_WORKSPACE: "",
  FM_PORT: "8000",
  FM_INSTALL_METHOD: "npm",
  FM_INSTALL_VERSION: "latest",
  FM_INSTALL_SOURCE: "",
  FM_INSTALL_SHA256: "",
  FM_INSTALL_PREFIX: "~/.local/share/fleet-metadata",
  FM_GITHUB_AUTH: "environment",
  FM_GITHUB_AUTH_ID: "github",
  FM_GITHUB_TOKEN_FILE: "",
  FM_LOG_LEVEL: "info",
  FM_LOG_PATH: "~/.local/state/fleet-metadata/log",
  FM_LOG_MAX: "1048576",
  FM_SETTINGS: "",
  FM_SUPERVISE: read("supervise.sh"),
} as const;

export type ScriptSettings = { readonly [K in keyof typeof DEFAULTS]: string };

/** A text as one word of a shell. */
const word = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The script, as Terraform renders it. */
export function renderScript(action: "start" | "stop", settings: Partial<ScriptSettings> = {}): string {
  const all = Object.entries({ ...DEFAULTS, ...settings }).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = all.map(([name, value]) => `${name}=${word(value)}`);
  return ["#!/bin/sh", `FM_ACTION=${action}`, ...lines, read("run.sh")].join("\n");
}

/** The script of an item of metadata, as Terraform renders it. */
export function renderItem(url: string, keys: string): string {
  return `#!/bin/sh\nFM_URL='${url}'\nFM_KEYS='${keys}'\n${read("metadata.sh")}`;
}

export interface ScriptResult {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly output: string;
}

export interface CoderWorkspace {
  readonly home: string;
  /** What the server is to serve, an empty directory. */
  readonly project: string;
  readonly port: number;
  readonly url: string;
  /** Where a test puts commands that stand before all others. */
  readonly bin: string;
  start(settings?: Partial<ScriptSettings>, env?: NodeJS.ProcessEnv): Promise<ScriptResult>;
  stop(): Promise<ScriptResult>;
  /** Runs any script. */
  script(text: string, env?: NodeJS.ProcessEnv): Promise<ScriptResult>;
  log(): string;
  /** Process ids of the servers that run. */
  servers(): number[];
}

/** A workspace for the running test. Everything that runs in it ends with the test. */
export async function createCoderWorkspace(): Promise<CoderWorkspace> {
  const home = emptyDirectory();
  const project = join(home, "project");
  const bin = join(home, "bin");
  mkdirSync(project);
  mkdirSync(bin);
  writeCommand(join(bin, "fleet-metadata"), `exec '${process.execPath}' -- '${MAIN}' "$@"`);
  const port = await freePort();
  const path = `${bin}:${process.env["PATH"]}`;
  const base = {
    ...NO_GITHUB,
    PATH: path,
    HOME: home,
    FLEET_METADATA_TASK_FILE: join(home, "task.json"),
  };
  const own = { FM_WORKSPACE: "~/project", FM_PORT: String(port), FM_INSTALL_METHOD: "none" };
  const script = (text: string, env: NodeJS.ProcessEnv = {}): Promise<ScriptResult> =>
    runShell(text, { cwd: project, env: { ...base, ...env } });
  const servers = (): number[] =>
    processesIn(home).filter((pid) => commandOf(pid).includes(`${MAIN}\0serve`));
  onTestFinished(async () => {
    await script(renderScript("stop", own));
    for (const pid of processesIn(home)) {
      process.kill(pid, "SIGKILL");
    }
  });
  return {
    home,
    project,
    port,
    url: `http://127.0.0.1:${port}`,
    bin,
    start: (settings = {}, env = {}) => script(renderScript("start", { ...own, ...settings }), env),
    stop: () => script(renderScript("stop", own)),
    script,
    log: () => {
      const file = join(home, ".local/state/fleet-metadata/log");
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    },
    servers,
  };
}

/** Makes a command of a few lines of shell. */
export function writeCommand(file: string, lines: string): void {
  writeFileSync(file, `#!/bin/sh\n${lines}\n`);
  chmodSync(file, 0o755);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** As Coder's agent runs scripts: what the first line names, with the text as an argument. It ends when its output does. */
async function runShell(
  text: string,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<ScriptResult> {
  const child: ChildProcess = spawn("/bin/sh", ["-c", text], {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output };
}

/**
 * Below those that a system gives to whoever asks for any (from 32768 on Linux, from 49152 elsewhere): so no other test is
 * given it before the server listens.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) {
      return port;
    }
  }
}
