// A command of the program in this process: what it writes and how it would end, a second sooner than as a process of its own.

import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { run } from "../../src/cli/program.ts";
import { type Ending, emptyDirectory, MAIN, type ProgramOptions } from "./program.ts";

/** Longest time that a command may take. */
const DEADLINE_MS = 25_000;

/** Runs a command to its end, as `runProgram` does. Commands that listen for signals or serve want a process. */
export async function callProgram(
  args: readonly string[],
  { env = {}, cwd = emptyDirectory() }: Omit<ProgramOptions, "maxOpenFiles"> = {},
): Promise<Ending> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run(args, {
    // The default task file is shared by the whole machine.
    env: { PATH: process.env["PATH"], HOME: cwd, FLEET_METADATA_TASK_FILE: join(cwd, "task.json"), ...env },
    cwd,
    version: "0.0.0",
    readPage: async () => "",
    program: [process.execPath, "--", MAIN],
    // Commands ask a stream that is no terminal for nothing that others have not.
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    signal: AbortSignal.timeout(DEADLINE_MS),
    onHangup: () => undefined,
  });
  stdout.end();
  stderr.end();
  return { code, signal: null, stdout: await text(stdout), stderr: await text(stderr) };
}
