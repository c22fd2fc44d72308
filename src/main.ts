#!/usr/bin/env -S node --
// Behind "--", so that Node leaves --env-file to us: it would take NODE_OPTIONS from the file, and so run what that names.
// The program. Connects the process (arguments, environment, signals, exit code) to the commands.

import { processEnvironment } from "./config-environment.ts";
import { runHook } from "./hooks/run-hook.ts";

// Package managers only warn about `engines`, and an older Node fails in ways that tell nobody why.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `fleet-metadata: Node ${process.versions.node} is too old; allowed is 22.18 or newer\n`,
  );
  process.exit(1);
}

const args = process.argv.slice(2);
const [command, action, ...rest] = args;
// An agent waits for its hooks: nothing is loaded for them that they do not need.
if (command === "task" && action === "hook" && !rest.some((arg) => arg === "--help" || arg === "-h")) {
  await hook();
} else {
  await cli();
}

async function hook(): Promise<void> {
  await runHook(rest, {
    env: processEnvironment(),
    pid: process.pid,
    stdin: () => process.stdin,
    say: (text) => void process.stderr.write(text),
    cwd: () => process.cwd(),
  });
  // The agent may keep its end of standard input open.
  process.exit(0);
}

async function cli(): Promise<void> {
  await import("./heap.ts");
  const [{ run }, { VERSION }] = await Promise.all([import("./cli/program.ts"), import("./version.ts")]);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) {
        process.exit(1);
      }
      stop.abort();
    });
  }
  // A reader that closes early, as `head` does, is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

  process.exitCode = await run(args, {
    env: processEnvironment(),
    cwd: process.cwd(),
    version: VERSION,
    program: [process.execPath, "--", import.meta.filename],
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
  });
}
