// What is to be ended and removed when the benchmark ends, however it ends.

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const children = new Set<ChildProcess>();
const directories = new Set<string>();

/** Time for a process to end by itself after SIGTERM. The server takes 5 s at most. */
const STOP_GRACE_MS = 6_000;

/** An empty directory of its real path. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "fleet-bench-")));
  directories.add(directory);
  return directory;
}

/** Removes a temporary directory before the end. */
function removeDirectory(directory: string): void {
  directories.delete(directory);
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Starts a process that is ended with the benchmark. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  const child = spawn(command, args, options);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Ends a process, by force when it does not end by itself. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
}

/** Ends all processes, then removes all directories. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...children].map(stopProcess));
  for (const directory of directories) {
    removeDirectory(directory);
  }
}

/** Cleans up on SIGINT and SIGTERM too, and leaves no process behind when the benchmark itself fails. */
export function cleanUpAlways(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void cleanUp().finally(() => process.exit(130));
    });
  }
  cleanUpAtExit();
}

/** Leaves no process and no directory behind, however this process exits. */
export function cleanUpAtExit(): void {
  process.on("exit", () => {
    for (const child of children) {
      child.kill("SIGKILL");
    }
    for (const directory of directories) {
      removeDirectory(directory);
    }
  });
}
