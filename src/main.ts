#!/usr/bin/env -S node --
// Behind "--", so that Node leaves --env-file to us: it would take NODE_OPTIONS from the file, and so run what that names.
// The program. An agent waits for its hooks, so nothing is loaded here that they do not need.

import { processEnvironment } from "./config-environment.ts";
import { keepHeapSmall } from "./heap.ts";
import { runHook } from "./hooks/run-hook.ts";

// Package managers only warn about `engines`, and an older Node fails in ways that tell nobody why.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `fleet-metadata: Node ${process.versions.node} is too old; allowed is 22.18 or newer\n`,
  );
  process.exit(1);
}

// Nothing is awaited at the top level: this is the script of the executable, too, which is no module.
void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const [command, action, ...rest] = args;
  if (command === "task" && action === "hook" && !rest.some((arg) => arg === "--help" || arg === "-h")) {
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
  keepHeapSmall();
  const { runCommandLine } = await import("./command-line.ts");
  const isExecutable = process.getBuiltinModule("node:sea").isSea();
  const program = isExecutable ? [process.execPath] : [process.execPath, "--", import.meta.filename];
  await runCommandLine(args, program);
}
