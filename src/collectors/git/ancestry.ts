// Whether one commit is an ancestor of another.

import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

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
  if (!/^[0-9a-f]+$/.test(oid) || oid.length !== head.length) return false;
  const result = await git.run(["merge-base", "--is-ancestor", oid, head], options);
  if (result.exitCode === 0) return true;
  // git 2.39 takes a commit that it cannot read for one without parents.
  if (result.exitCode === 1 && !/^error: /m.test(result.stderr)) return false;
  if (result.stderr.includes(`Not a valid commit name ${oid}`)) return false;
  throw failure(result, options.cwd);
}
