// A real process that goes by the name of a coding agent, and ends with the test.

import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";

export interface AgentProcess {
  readonly pid: number;
  /** Ends it, and waits until nothing of it is left. */
  end(): Promise<void>;
}

/** Starts a script of this name, which waits until its standard input ends. `args` stand on its command line. */
export async function startAgent(name: string, ...args: readonly string[]): Promise<AgentProcess> {
  const directory = mkdtempSync(join(tmpdir(), "fleet-agent-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const script = join(directory, name);
  writeFileSync(script, "#!/bin/sh\necho ready\nread -r line\n");
  chmodSync(script, 0o755);
  return started(spawn(script, args, { stdio: ["pipe", "pipe", "ignore"] }));
}

/**
 * Starts a program of its own at this path within a new directory, as installers lay it down. It goes by the path's last part.
 */
export async function startProgram(path: string): Promise<AgentProcess & { readonly program: string }> {
  const directory = mkdtempSync(join(tmpdir(), "fleet-agent-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, path);
  mkdirSync(dirname(program), { recursive: true });
  copyFileSync("/bin/cat", program);
  const child = spawn(program, { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.write("ready\n");
  return { ...(await started(child)), program };
}

async function started(child: ChildProcessByStdio<Writable, Readable, null>): Promise<AgentProcess> {
  const end = (): Promise<void> => ended(child);
  onTestFinished(end);
  // When it has said so, it has its name.
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("error", reject);
  });
  if (child.pid === undefined) {
    throw new Error(`${child.spawnfile} did not start`);
  }
  return { pid: child.pid, end };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}
