// Whether one commit is an ancestor of another.

import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

const FULL_HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Whether `oid` is `head` or an ancestor of it. What is no full hash of a commit in this repository is none.
 *
 * @throws {CollectError}
 */
export async function readAncestry(
  git: Git,
  oid: string,
  head: string,
  options: RunOptions,
): Promise<boolean> {
  if (oid === head) return true;
  if (!FULL_HASH.test(oid)) return false;
  const result = await git.run(["merge-base", "--is-ancestor", oid, head], options);
  if (result.exitCode === 0) return true;
  if (result.exitCode === 1 || result.stderr.includes(`Not a valid commit name ${oid}`)) return false;
  throw failure(result, options.cwd);
}
