// The program as a real process, from its sources, with no more of this machine's environment than it needs.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { NO_GITHUB } from "./closed-port.ts";
import { until } from "./wait.ts";

/** The program's file. */
export const MAIN = join(import.meta.dirname, "../../src/main.ts");

/** Longest time that a process may take for anything that a test waits for. */
const DEADLINE_MS = 25_000;

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: an empty directory of its own. */
  readonly cwd?: string;
  /** How many files and sockets it may have open. Default: as many as this process. */
  readonly maxOpenFiles?: number;
  /** The program, in place of Node and the sources. */
  readonly program?: readonly string[];
  /** What starts the program: a command that ends by executing its further arguments. Default: nothing. */
  readonly through?: readonly string[];
}

/** How a process ended. */
export interface Ending {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that serves. */
export interface Serving {
  readonly pid: number;
  /** As its first log line has it. */
  readonly url: string;
  readonly ended: Promise<Ending>;
  kill(signal: NodeJS.Signals): void;
  /** Waits for a line of its log that holds a text. */
  logged(text: string): Promise<void>;
}

/** A command that runs until it is told to end, or ends by itself. */
export interface Running {
  readonly ended: Promise<Ending>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until its standard output satisfies a condition. */
  printed(condition: (stdout: string) => boolean): Promise<string>;
  /** Waits for a text on standard error. */
  said(text: string): Promise<void>;
}

/** An empty directory of its real path, removed after the test. */
export function emptyDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-program-")));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a command to its end. */
export async function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Ending> {
  return await launch(args, options).ended;
}

/** Starts a server on any free port and waits until it listens. It is killed after the test if it still runs. */
export async function startProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Serving> {
  const { child, ended, logged } = launch([...args, "--listen", "127.0.0.1:0"], options);
  const line = await logged("listening on");
  const { url } = JSON.parse(line) as { url: string };
  return {
    pid: child.pid ?? 0,
    url,
    ended,
    kill: (signal) => void child.kill(signal),
    logged: async (text) => void (await logged(text)),
  };
}

/** Starts a command. It is killed after the test if it still runs. */
export function startCommand(args: readonly string[], options: ProgramOptions = {}): Running {
  const { child, ended } = launch(args, options);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: string) => {
      output[name] += chunk;
    });
  }
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    printed: async (condition) => {
      await until(() => condition(output.stdout), "the output");
      return output.stdout;
    },
    said: (text) => until(() => output.stderr.includes(text), `"${text}" on standard error`),
  };
}

function launch(args: readonly string[], options: ProgramOptions) {
  const { env = {}, cwd = emptyDirectory(), maxOpenFiles, through = [] } = options;
  // As the program is started by npm and by its own first line.
  const program = options.program ?? [process.execPath, "--", MAIN];
  const command = [...through, ...program, ...args];
  const limited = maxOpenFiles === undefined ? command : limitOpenFiles(maxOpenFiles, command);
  const [first = "", ...words] = limited;
  const child = spawn(first, words, {
    cwd,
    // The default task file is shared by the whole machine.
    env: {
      ...NO_GITHUB,
      PATH: process.env["PATH"],
      HOME: cwd,
      FLEET_METADATA_TASK_FILE: join(cwd, "task.json"),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  const ended = endingOf(child).finally(() => clearTimeout(timer));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const logged = async (text: string): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    let output = "";
    const onData = (chunk: string): void => {
      output += chunk;
      const line = output
        .split("\n")
        .find((candidate) => candidate.includes(text) && candidate.endsWith("}"));
      if (line !== undefined) {
        resolve(line);
      }
    };
    child.stdout.on("data", onData);
    const tooLate = ended.then((ending) => {
      throw new Error(`it ended before it logged "${text}": ${JSON.stringify(ending)}`);
    });
    try {
      return await Promise.race([promise, tooLate]);
    } finally {
      tooLate.catch(() => undefined);
      child.stdout.off("data", onData);
    }
  };
  return { child, ended, logged };
}

function limitOpenFiles(count: number, command: readonly string[]): readonly string[] {
  return ["/bin/sh", "-c", `ulimit -n ${count} && exec "$0" "$@"`, ...command];
}

async function endingOf(child: ChildProcess): Promise<Ending> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
