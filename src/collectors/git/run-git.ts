// The one place that starts git processes. May touch nothing but those processes.

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { CollectError } from "../collector.ts";
import { buildEnvironment, type Surroundings } from "./environment.ts";
import { isDirectory, throwIfExhausted } from "./files.ts";
import type { Git, GitResult, RunOptions } from "./git.ts";

/** Settings of {@link createGit}. */
export interface GitOptions extends Surroundings {
  /** Name or absolute path of the program. Default `git`. */
  readonly binary?: string;
  /**
   * Is told when a process begins, with git's own word for the command. What it returns is called when the process has ended:
   * `answered`, `aborted` or `not_started`. Must not throw.
   */
  readonly onProcess?: (command: string) => (outcome: string) => void;
}

/** A status of 100,000 changed files. Where more comes, git is ended, and what was read is marked as cut. */
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
/** Standard error is looked at for known texts only, which come first. */
const STDERR_MAX_BYTES = 64 * 1024;

/**
 * Makes a runner of git. It starts processes by node:child_process and not by simple-git: that one ends git with a
 * SIGINT, which a git that hangs in a filter ignores, cannot reach what git has started, and leaves its promise
 * pending; here the whole process group is killed, and the promise settles after that.
 *
 * Nothing is kept between calls but the list of running processes, which are killed when this program exits.
 */
export function createGit(options: GitOptions): Git {
  const binary = options.binary ?? "git";
  const { onProcess = () => () => undefined } = options;
  const running = new Set<ChildProcess>();
  const killAll = () => {
    for (const child of running) killGroup(child);
  };

  async function run(args: readonly string[], call: RunOptions): Promise<GitResult> {
    call.signal.throwIfAborted();
    const child = spawn(binary, ["--no-optional-locks", "--no-pager", ...args], {
      cwd: call.cwd,
      env: buildEnvironment(options, call.config ?? [], call.cwd, call.workTree),
      // A session of its own: no terminal to ask on, and one group to kill with everything that git has started.
      detached: true,
      stdio: [call.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const ended = onProcess(args[0] ?? "");
    let result = "answered";
    if (running.size === 0) process.on("exit", killAll);
    running.add(child);
    try {
      return await outcome(child, call);
    } catch (error) {
      result = call.signal.aborted ? "aborted" : "not_started";
      throw call.signal.aborted ? call.signal.reason : await startFailure(error, binary, call.cwd);
    } finally {
      ended(result);
      running.delete(child);
      if (running.size === 0) process.off("exit", killAll);
    }
  }

  return { run };
}

/** Waits until the process and its output have ended. Rejects with the error of a start that failed. */
function outcome(child: ChildProcess, call: RunOptions): Promise<GitResult> {
  const { promise, resolve, reject } = Promise.withResolvers<GitResult>();
  const stdout = boundedSink(call.maxBytes ?? DEFAULT_MAX_BYTES);
  const stderr = boundedSink(STDERR_MAX_BYTES);
  let exitCode: number | undefined;

  const settle = () => {
    call.signal.removeEventListener("abort", stop);
    child.stdout?.destroy();
    child.stderr?.destroy();
    if (call.signal.aborted) return reject(call.signal.reason);
    resolve({
      exitCode: stdout.full() ? -1 : (exitCode ?? -1),
      stdout: stdout.content(),
      stderr: stderr.content().toString("utf8"),
      truncated: stdout.full(),
    });
  };
  const stop = () => {
    killGroup(child);
    // Whoever left the group may hold the output open for ever: once git itself is gone, it is not waited for.
    if (exitCode !== undefined) settle();
  };

  child.once("error", (error) => {
    call.signal.removeEventListener("abort", stop);
    reject(error);
  });
  child.once("exit", (code, signal) => {
    exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    // What git started and left behind ends with it.
    killGroup(child);
    if (call.signal.aborted || stdout.full()) settle();
  });
  child.once("close", settle);
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout.add(chunk);
    if (stdout.full()) stop();
  });
  child.stderr?.on("data", (chunk: Buffer) => stderr.add(chunk));
  // git may end without reading its input, and that is not an error of ours.
  child.stdin?.on("error", () => {});
  child.stdin?.end(call.input);
  call.signal.addEventListener("abort", stop, { once: true });
  return promise;
}

/** SIGKILL at once: a git without optional locks holds none that it would have to remove first. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

/** Keeps the first `maxBytes` bytes; `full` once there were more. */
function boundedSink(maxBytes: number) {
  const chunks: Buffer[] = [];
  let size = 0;
  let overflow = false;
  return {
    add(chunk: Buffer): void {
      const room = maxBytes - size;
      if (chunk.length > room) overflow = true;
      if (room <= 0) return;
      const kept = chunk.subarray(0, room);
      chunks.push(kept);
      size += kept.length;
    },
    full: () => overflow,
    content: () => Buffer.concat(chunks, size),
  };
}

async function startFailure(error: unknown, binary: string, cwd: string): Promise<CollectError> {
  throwIfExhausted(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  // A missing directory and a missing program are the same ENOENT.
  if (code === "ENOENT" && !(await isDirectory(cwd))) {
    return new CollectError("REPOSITORY_GONE", `The directory ${cwd} does not exist any more.`, {
      cause: error,
    });
  }
  if (code === "ENOENT") {
    return new CollectError("GIT_NOT_INSTALLED", `The program ${binary} was not found.`, { cause: error });
  }
  if (code === "EACCES") {
    return new CollectError("PERMISSION_DENIED", `git may not be run in ${cwd}.`, { cause: error });
  }
  return new CollectError("GIT_FAILED", `git could not be started (${String(code)}).`, { cause: error });
}
