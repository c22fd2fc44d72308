// All checks of the project but its tests. Each one runs, so that one run shows everything that is wrong.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

const CHECKS: readonly (readonly [what: string, command: string, ...args: string[]])[] = [
  ["types", "tsc"],
  ["types of the page", "tsc", "--project", "src/page"],
  ["lint and format", "biome", "ci", "--colors=off", "--error-on-warnings", "."],
  ["proto lint", "buf", "lint"],
  ["proto format", "buf", "format", "--exit-code", "--diff"],
  ["contract", "node", "scripts/check-contract.ts"],
  ["generated files", "node", "scripts/generate.ts", "--check"],
  ["arrows of the house", "depcruise", "src", "test", "scripts", "bench"],
  ["unused code", "knip", "--no-progress", "--treat-config-hints-as-errors"],
  ["known vulnerabilities", "node", "scripts/check-audit.ts"],
  ["guarantees", "node", "scripts/check-guarantees.ts"],
];

const failed: string[] = [];
for (const [what, command, ...args] of CHECKS) {
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
  });
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${what} (${seconds} s)`);
  if (status !== 0) {
    failed.push(what);
    console.log(`${stdout ?? ""}${stderr ?? ""}`);
  } else if (what === "guarantees" || what === "known vulnerabilities") {
    console.log(stdout.trimEnd());
  }
}
if (failed.length > 0) {
  console.log(`failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
