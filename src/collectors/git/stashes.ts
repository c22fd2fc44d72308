// Counts the entries on the stash.

import { join } from "node:path";
import { readStart } from "./files.ts";
import type { RepositoryLocation } from "./location.ts";

/** Thousands of entries. */
const MAX_LOG_BYTES = 1024 * 1024;

/**
 * The number of entries on the stash: one line each in its log. `git status --porcelain=v2` counts them since git 2.35 only, and
 * an older one says nothing, just as if there were none.
 */
export async function countStashes({ commonDir }: RepositoryLocation): Promise<number> {
  const log = await readStart(join(commonDir, "logs", "refs", "stash"), MAX_LOG_BYTES);
  return log?.match(/\n/g)?.length ?? 0;
}
