// A server as a process of its own that serves more than one test: the caller ends it.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { MAIN } from "./program.ts";

export interface Serving {
  /** As its first log line has it. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the program from its sources, and waits until it listens. Rejects when it ends before that. */
export async function startServing(
  args: readonly string[],
  { folder, env }: { readonly folder: string; readonly env: NodeJS.ProcessEnv },
): Promise<Serving> {
  const child = spawn(process.execPath, ["--", MAIN, "serve", ...args, "--log-format", "json"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const lines = createInterface(child.stdout);
  for await (const line of lines) {
    const { url } = JSON.parse(line) as { readonly url?: string };
    if (url !== undefined) {
      child.stdout.resume();
      return {
        url,
        close: async () => {
          child.kill();
          await ended;
        },
      };
    }
  }
  throw new Error("the server ended before it listened");
}
