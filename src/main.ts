#!/usr/bin/env -S node --
// Behind "--", so that Node leaves --env-file to us: it would take NODE_OPTIONS from the file, and so run what that names.
// The program. Connects the process (arguments, environment, signals, exit code) to the commands.

import "./heap.ts";
import { run } from "./cli/program.ts";
import { processEnvironment } from "./config.ts";
import { VERSION } from "./version.ts";

// Package managers only warn about `engines`, and an older Node fails in ways that tell nobody why.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `fleet-metadata: Node ${process.versions.node} is too old; allowed is 22.18 or newer\n`,
  );
  process.exit(1);
}

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

process.exitCode = await run(process.argv.slice(2), {
  env: processEnvironment(),
  cwd: process.cwd(),
  version: VERSION,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
  onHangup: (listener) => void process.on("SIGHUP", listener),
});
