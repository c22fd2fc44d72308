// A real process that goes by the name of a coding agent, and ends with the test.

import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { parseStat } from "../../src/task-file/process-stat.ts";
import { until } from "./wait.ts";

export interface AgentProcess {
  readonly pid: number;
  /** Ends it, and waits until nothing of it is left. */
  end(): Promise<void>;
}

/** Starts a script of this name, which waits until its standard input ends. `args` stand on its command line. */
export async function startAgent(
  name: string,
  ...args: readonly string[]
): Promise<AgentProcess & { become(name: string): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "fleet-agent-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const write = (name: string): string => {
    const script = join(directory, name);
    writeFileSync(script, '#!/bin/sh\necho ready\nread -r next && exec "$next"\n');
    chmodSync(script, 0o755);
    return script;
  };
  const child = spawn(write(name), args, { stdio: ["pipe", "pipe", "ignore"] });
  const agent = await started(child);
  /** The same process becomes a script of another name. */
  const become = async (name: string): Promise<void> => {
    const ready = once(child.stdout, "data");
    child.stdin.write(`${write(name)}\n`);
    await ready;
  };
  return { ...agent, become };
}

/** A script of this name that has ended, and whose parent does not ask how. @returns its process id. */
export async function startZombie(name: string): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "fleet-agent-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const script = join(directory, name);
  // Its parent has become another program by the time it ends: a shell would ask.
  writeFileSync(script, '#!/bin/sh\nuntil [ "$(cat /proc/$PPID/comm)" = cat ]; do :; done\n');
  chmodSync(script, 0o755);
  const command = '"$0" </dev/null >/dev/null & echo $!; exec cat';
  const child = spawn("sh", ["-c", command, script], { stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => ended(child));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const isZombie = () => parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"))?.isZombie === true;
  await until(isZombie, `process ${pid} has ended`);
  return pid;
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
