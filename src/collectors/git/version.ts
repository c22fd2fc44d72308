// Which git there is. Touches the directories of programs, and a git process.

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { CollectError } from "../collector.ts";
import { type Surroundings, trustedPath } from "./environment.ts";
import type { Git } from "./git.ts";

/** GIT_CONFIG_COUNT, on which the hardening rests, came with it. */
export const OLDEST_GIT = "2.31";

/** As git itself says, like `2.39.5`. @throws {CollectError} GIT_NOT_INSTALLED and what else {@link Git} throws; GIT_FAILED. */
export async function gitVersion(git: Git, cwd: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await git.run(["--version"], { cwd, signal });
  const [, version] = /^git version (\d+\.\d+[\w.-]*)/.exec(stdout.toString("utf8")) ?? [];
  if (version === undefined) {
    throw new CollectError("GIT_FAILED", "The program git does not say its version.");
  }
  return version;
}

/** Whether a version is older than {@link OLDEST_GIT}. */
export function isOldGit(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_GIT.split(".").map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** Absolute path of the git that is run in a directory. Undefined: there is none where programs are looked for. */
export async function whereIsGit(surroundings: Surroundings, cwd: string): Promise<string | undefined> {
  for (const directory of trustedPath(surroundings, cwd).split(delimiter)) {
    const program = join(directory, "git");
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (directory !== "" && isThere) {
      return program;
    }
  }
  return undefined;
}
