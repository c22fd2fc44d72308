// The configuration that counts only on some branch. HEAD may move between the reading of the configuration and its use, so
// for the sake of the filters in it, it counts always.

import { dirname, resolve } from "node:path";
import { CollectError } from "../collector.ts";
import { type Config, type ConfigEntry, MAX_CONFIG_BYTES, parseConfig } from "./config.ts";
import type { Git, RunOptions } from "./git.ts";

/** More than any honest repository has. */
const MAX_FILES = 16;

const ON_BRANCH = /^includeif\.onbranch:.*\.path$/s;

/**
 * Reads the files that the repository's own configuration includes by `includeIf.onbranch`, whatever the branch is.
 * A file that does not exist has nothing in it.
 *
 * @throws {CollectError} UNSAFE_CONFIG when there are more than 16, when one is too large, or when the place of one depends on more
 * than the file that includes it.
 */
export async function readBranchIncludes(
  git: Git,
  config: Config,
  options: Pick<RunOptions, "cwd" | "signal">,
): Promise<Config> {
  const found: ConfigEntry[] = [];
  const files = config
    .filter(({ fromRepository }) => fromRepository)
    .flatMap((entry) => target(entry, options.cwd));
  // Files found on the way are appended, so that their own includes are followed too.
  for (const [index, file] of files.entries()) {
    if (index >= MAX_FILES) throw unsafe("includes too many files by branch");
    const args = [
      "config",
      "--list",
      "--null",
      "--show-scope",
      "--show-origin",
      "--includes",
      "--file",
      file,
    ];
    const { stdout, truncated } = await git.run(args, { ...options, maxBytes: MAX_CONFIG_BYTES });
    // What was cut off could name a filter.
    if (truncated) throw unsafe("includes a file by branch that is too large");
    const entries = parseConfig(stdout).map((entry) => ({ ...entry, fromRepository: true }));
    found.push(...entries);
    files.push(...entries.flatMap((entry) => target(entry, options.cwd)));
  }
  return found;
}

/** The file that an entry includes by branch, as a list of one or none. */
function target({ key, value, origin }: ConfigEntry, root: string): string[] {
  if (!ON_BRANCH.test(key)) return [];
  if (value.startsWith("~") || value.startsWith("%("))
    throw unsafe("includes a file outside of itself by branch");
  return [resolve(root, dirname(origin.replace(/^file:/, "")), value)];
}

function unsafe(what: string): CollectError {
  return new CollectError("UNSAFE_CONFIG", `The repository's configuration ${what}.`);
}
