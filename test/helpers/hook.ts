// Hooks as real processes, started as agents start them.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { runHook } from "../../src/hooks/run-hook.ts";
import type { TaskRecord } from "../../src/hooks/task-record.ts";
import { emptyDirectory, MAIN } from "./program.ts";

/** How a hook ended. */
export interface HookEnding {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedHook {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<HookEnding>;
}

/** A task file in a directory of its own, and hooks that write it. */
export interface HookBench {
  readonly directory: string;
  readonly file: string;
  /** Starts a program that is given the hook's words; by default they are the program. */
  start(
    agent: string,
    options?: { readonly before?: readonly string[]; readonly event?: string; readonly json?: string },
  ): StartedHook;
  /** Does in this process what a hook does, a tenth of a second sooner. @returns what it says on standard error. */
  tell(agent: string, event: unknown): Promise<string>;
  /** Runs a hook to its end. Text goes in as it is, anything else as JSON of a session in the directory. */
  run(agent: string, input: unknown): Promise<HookEnding>;
  /** What the task file says. */
  says(): TaskRecord | undefined;
}

export function hookBench(file?: string): HookBench {
  const directory = emptyDirectory();
  const path = file ?? join(directory, "task.json");
  const start: HookBench["start"] = (agent, { before = [], event, json } = {}) => {
    const named = event === undefined ? [] : ["--event", event];
    const last = json === undefined ? [] : [json];
    const own = [process.execPath, "--", MAIN, "task", "hook", agent, ...named, ...last];
    const [program = "", ...args] = [...before, ...own];
    const child = spawn(program, args, {
      cwd: directory,
      env: { PATH: process.env["PATH"], HOME: directory, FLEET_METADATA_TASK_FILE: path },
    });
    // It need not read what it is sent.
    child.stdin.on("error", () => undefined);
    onTestFinished(() => void child.kill("SIGKILL"));
    return { child, ended: endingOf(child) };
  };
  return {
    directory,
    file: path,
    start,
    async tell(agent, event) {
      let said = "";
      await runHook([agent], {
        env: { FLEET_METADATA_TASK_FILE: path },
        pid: process.pid,
        stdin: () => Readable.from([Buffer.from(eventText(directory, event))]),
        say: (text) => {
          said += text;
        },
        cwd: () => directory,
      });
      return said;
    },
    async run(agent, input) {
      const { child, ended } = start(agent);
      child.stdin.end(typeof input === "string" ? input : eventText(directory, input));
      return await ended;
    },
    says() {
      try {
        return JSON.parse(readFileSync(path, "utf8")) as TaskRecord;
      } catch {
        return undefined;
      }
    },
  };
}

/** An event as an agent sends it. */
export function eventText(cwd: string, event: unknown): string {
  const base = { session_id: "session-1", transcript_path: `${cwd}/transcript.jsonl`, cwd };
  return JSON.stringify({ ...base, ...(event as object) });
}

async function endingOf(child: ChildProcessWithoutNullStreams): Promise<HookEnding> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
