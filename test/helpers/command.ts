// A command that is called as a client: its output, as it comes.

import { spawn } from "node:child_process";

/** Longest time that a command may take, in milliseconds. */
const DEADLINE_MS = 25_000;

/**
 * Runs a command until it ends, or the signal ends it.
 *
 * @param onOutput hears all that it has written so far, each time that it has written something.
 * @returns what it wrote.
 * @throws what it wrote on standard error, when it fails.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
  onOutput: (output: Buffer) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Buffer> {
  const child = spawn(command, args, { stdio: "pipe", timeout: DEADLINE_MS, ...(signal ? { signal } : {}) });
  let output = Buffer.alloc(0);
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output = Buffer.concat([output, chunk]);
    onOutput(output);
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  // A command that does not read its input ends before it is written.
  child.stdin.on("error", () => undefined).end(input);
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command} ended with ${code}: ${errors}`)),
    );
  });
}
