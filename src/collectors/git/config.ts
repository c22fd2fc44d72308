// The configuration that git sees in one repository: read by one call that runs no program, asked by pure functions.

import { CollectError } from "../collector.ts";
import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

/** One value of one key. */
export interface ConfigEntry {
  /** Section and name in lower case, the part between as written: `remote.Fork.url`. */
  readonly key: string;
  /** `true` for a key without a value. */
  readonly value: string;
  /** Whether the repository itself says so (or a file that it includes), and not the user or the system. */
  readonly fromRepository: boolean;
  /** Where it stands, for example `file:.git/config`. */
  readonly origin: string;
}

/** A repository's configuration, in git's order: a later entry outranks an earlier one. */
export type Config = readonly ConfigEntry[];

/** As git lists it, with where each entry stands: room for seven thousand branches with an upstream. A reading goes through all of it. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Reads the whole configuration.
 *
 * @throws {CollectError} UNSAFE_CONFIG when it holds what cannot be handed back to git unchanged, or is too large.
 */
export async function readConfig(git: Git, options: Pick<RunOptions, "cwd" | "signal">): Promise<Config> {
  const args = ["config", "--list", "--null", "--show-scope", "--show-origin"];
  const result = await git.run(args, { ...options, maxBytes: MAX_CONFIG_BYTES });
  if (result.truncated) {
    throw new CollectError("UNSAFE_CONFIG", "The repository's configuration is too large.");
  }
  if (result.exitCode !== 0) throw failure(result, options.cwd);
  return parseConfig(result.stdout);
}

/**
 * Parses the output of `git config --list --null --show-scope --show-origin`.
 *
 * @throws {CollectError} UNSAFE_CONFIG, see {@link readConfig}.
 */
export function parseConfig(output: Buffer): Config {
  const fields = output.toString("utf8").split("\0");
  const entries: ConfigEntry[] = [];
  for (let index = 0; index + 2 < fields.length; index += 3) {
    const [scope = "", origin = "", pair = ""] = fields.slice(index, index + 3);
    const nameEnd = pair.indexOf("\n");
    const key = nameEnd < 0 ? pair : pair.slice(0, nameEnd);
    // A key that is not UTF-8 cannot be named in an environment variable, so it could not be overridden.
    if (key.includes("\uFFFD")) {
      throw new CollectError("UNSAFE_CONFIG", "The repository's configuration has a key that is not UTF-8.");
    }
    entries.push({
      key,
      value: nameEnd < 0 ? "true" : pair.slice(nameEnd + 1),
      fromRepository: scope === "local" || scope === "worktree",
      origin,
    });
  }
  return entries.filter(({ origin }) => origin !== "command line:");
}

/** All values of a key, the one that counts last. `key` as in {@link ConfigEntry}. */
export function values(config: Config, key: string): string[] {
  return config.filter((entry) => entry.key === key).map((entry) => entry.value);
}

/** The middle parts of all keys `section.<middle>.name`, each once, in order: the remotes, the filters. */
export function subsections(config: Config, section: string, name: string): string[] {
  const start = `${section}.`;
  const end = `.${name}`;
  const found = config
    .map(({ key }) => key)
    .filter((key) => key.startsWith(start) && key.endsWith(end) && key.length > start.length + end.length)
    .map((key) => key.slice(start.length, -end.length));
  return [...new Set(found)];
}
