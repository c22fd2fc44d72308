// Connects the process (environment, signals, exit code) to the commands. Loaded as a whole by everything but hooks.

import { attempt } from "./attempt.ts";
import { run } from "./cli/program.ts";
import { ownTerminal } from "./cli/terminal.ts";
import { processEnvironment } from "./config-environment.ts";
import { useSmallHeaders } from "./headers.ts";
import { readPage } from "./page-file.ts";
import { VERSION } from "./version.ts";

/**
 * Runs a command and sets the exit code.
 *
 * @param args the arguments after the program's name.
 * @param program how this program was started, without its arguments.
 */
export async function runCommandLine(args: readonly string[], program: readonly string[]): Promise<void> {
  // It may have been removed meanwhile.
  const cwd = attempt(() => process.cwd());
  if (cwd === undefined) {
    process.stderr.write("fleet-metadata: the working directory does not exist any more\n");
    process.exitCode = 1;
    return;
  }
  useSmallHeaders();
  const stop = new AbortController();
  const terminal = ownTerminal();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) {
        process.exit(1);
      }
      stop.abort();
    });
  }
  // A reader that closes early, as `head` does, is no error. It is noticed by the next write: to hear of it before that takes
  // a poll of the pipe, which Node has no way to ask for.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

  process.exitCode = await run(args, {
    env: processEnvironment(),
    cwd,
    version: VERSION,
    readPage,
    program,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
    onHangup: (listener) => void process.on("SIGHUP", () => (terminal.isClosed ? stop.abort() : listener())),
  });
}
