// A program that leaves a trace when it is run, and repositories that name it where git looks for programs.

import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "./repository.ts";

/** A program of an attacker's choice. */
export interface Canary {
  /** Absolute path of the program. */
  readonly program: string;
  /** Whether it has run since the last time that this was asked. */
  fired(): boolean;
}

/** Makes a program that notes that it was run. It is removed after the test. */
export function createCanary(): Canary {
  const directory = temporaryDirectory();
  const program = join(directory, "canary");
  const trace = join(directory, "fired");
  writeFileSync(program, `#!/bin/sh\n: > '${trace}'\n`);
  chmodSync(program, 0o755);
  return {
    program,
    fired() {
      const fired = existsSync(trace);
      rmSync(trace, { force: true });
      return fired;
    },
  };
}
