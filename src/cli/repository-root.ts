// The directory that the work in another one is about.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The root of the repository that a directory lies in; outside of repositories the directory itself. */
export function findRepositoryRoot(directory: string): string {
  let candidate = directory;
  while (!existsSync(join(candidate, ".git"))) {
    const parent = dirname(candidate);
    if (parent === candidate) {
      return directory;
    }
    candidate = parent;
  }
  return candidate;
}
