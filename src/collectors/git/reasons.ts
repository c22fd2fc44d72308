// Turns a failed call of git into one of this source's reasons.

import { CollectError } from "../collector.ts";
import type { GitResult } from "./git.ts";

/** What git's standard error says under LC_ALL=C, in the order in which it is asked. */
const REASONS: readonly [pattern: RegExp, reason: string, message: (root: string) => string][] = [
  [
    /detected dubious ownership|unsafe repository/,
    "DUBIOUS_OWNERSHIP",
    (root) => `${root} belongs to another user and is not in git's safe.directory.`,
  ],
  [
    /cannot use bare repository/,
    "BARE_REPOSITORY",
    (root) => `${root} is a bare repository: it has no work tree.`,
  ],
  [
    /must be run in a work tree/,
    "BARE_REPOSITORY",
    (root) => `${root} is a bare repository: it has no work tree.`,
  ],
  [/not a git repository/, "NOT_A_REPOSITORY", (root) => `${root} is not a git repository.`],
  [/Permission denied/, "PERMISSION_DENIED", (root) => `The repository at ${root} may not be read.`],
  [
    /bad config|bad boolean config|bad numeric config|invalid value for/,
    "INVALID_CONFIG",
    (root) => `The configuration of the repository at ${root} is invalid.`,
  ],
  [
    /unknown repository (?:version|extension)|expected git repo version/i,
    "UNSUPPORTED_REPOSITORY",
    (root) => `The repository at ${root} needs a newer git.`,
  ],
  [
    /unable to read|bad object|missing|could not fetch/,
    "OBJECTS_MISSING",
    (root) => `The repository at ${root} lacks objects; nothing is fetched.`,
  ],
];

/**
 * The error for a call that failed. Its message holds nothing of git's own words, which may quote any file that
 * the repository's configuration points to; those stand in `cause`.
 */
export function failure(result: GitResult, root: string): CollectError {
  const cause = new Error(result.stderr || `git ended with exit code ${result.exitCode}`);
  for (const [pattern, reason, message] of REASONS) {
    if (pattern.test(result.stderr)) return new CollectError(reason, message(root), { cause });
  }
  return new CollectError("GIT_FAILED", `git failed in ${root} (exit code ${result.exitCode}).`, { cause });
}
