// Takes the filters away that a repository names in its own configuration: git would run them to compare files.

import { CollectError } from "../collector.ts";
import type { Config } from "./config.ts";
import type { Setting } from "./environment.ts";

/** More than any honest repository has, and far from what an environment can hold. */
const MAX_FILTERS = 200;

/**
 * The settings that make every filter of the repository's own a filter that does nothing. Filters that only the user's or the
 * system's configuration names stay: without them, every file under git-lfs would look modified.
 *
 * @throws {CollectError} UNSAFE_CONFIG when there are more than 200 of them.
 */
export function blankedFilters(config: Config): Setting[] {
  const drivers = new Set<string>();
  for (const { key, fromRepository } of config) {
    if (!fromRepository) continue;
    const driver = /^filter\.(.*)\.[^.]*$/s.exec(key)?.[1];
    if (driver !== undefined) drivers.add(driver);
    // An extension is a program that the user's own git-lfs filter would run.
    if (key.startsWith("lfs.extension.")) drivers.add("lfs");
  }
  if (drivers.size > MAX_FILTERS) {
    throw new CollectError(
      "UNSAFE_CONFIG",
      `The repository's configuration names more than ${MAX_FILTERS} filters.`,
    );
  }
  return [...drivers].flatMap((driver): Setting[] => [
    [`filter.${driver}.clean`, ""],
    [`filter.${driver}.smudge`, ""],
    [`filter.${driver}.process`, ""],
    [`filter.${driver}.required`, "false"],
  ]);
}
