// What `doctor` says of a workspace of a test, without the machine's own settings and with nobody at GitHub unless a test says so.

import { REDACTED } from "../../src/observability/redact.ts";
import { callProgram } from "./call-program.ts";
import { NO_GITHUB } from "./closed-port.ts";
import type { ProgramOptions } from "./program.ts";

export interface Finding {
  readonly level: "ok" | "warning" | "problem";
  readonly found: string;
  readonly advice?: string;
}

export interface Diagnosis {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly output: string;
  /** What one check has found. */
  of(check: string): Finding;
}

/** Those that do not go beyond this machine: GitHub is tried twice where nobody is. */
const LOCAL_CHECKS = [
  ...["node", "settings", "git", "workspace", "file-events", "open-files", "proxy", "task-file", "hooks"],
  ...["agentapi", "coder", "port", "access", "tls"],
];

/**
 * Runs the command in this process.
 *
 * @param options.checks - Default: {@link LOCAL_CHECKS}.
 */
export async function diagnose(
  args: readonly string[] = [],
  options: Omit<ProgramOptions, "maxOpenFiles"> & { readonly checks?: readonly string[] } = {},
): Promise<Diagnosis> {
  const { env, checks = LOCAL_CHECKS, ...others } = options;
  const ending = await callProgram(["doctor", ...checks, "--json", "--listen", "127.0.0.1:0", ...args], {
    ...others,
    env: { ...NO_GITHUB, ...env },
  });
  return diagnosisOf(ending);
}

/** From what the command has written. */
export function diagnosisOf(ending: {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}): Diagnosis {
  const { code, stdout, stderr } = ending;
  if (stdout.includes(REDACTED)) {
    throw new Error(`something was taken for a secret, or was one: ${stdout}`);
  }
  const { checks } = JSON.parse(stdout) as { checks: (Finding & { readonly check: string })[] };
  return {
    code,
    output: stdout + stderr,
    of: (name) => {
      const found = checks.find(({ check }) => check === name);
      if (found === undefined) {
        throw new Error(`there is no check ${name}: ${stdout}`);
      }
      return found;
    },
  };
}
