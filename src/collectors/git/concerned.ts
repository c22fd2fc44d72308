// Which files can have changed their state when index or HEAD did. Any other file is the same in the index as in HEAD, was so
// before, and is the same in both commits; so it is the same in both indexes, and compares with an untouched work tree as it did.

import type { ContentOptions, Git } from "./git.ts";
import type { Status } from "./status.ts";

/**
 * The paths in question. That there are no others rests on three things: both indexes are plain, the configuration is the same, and
 * none of the paths decides about others.
 *
 * @param earlier - The state before.
 * @param touched - Files of the work tree that may have changed since.
 * @returns Absent when it cannot be told.
 * @throws the signal's reason when aborted
 */
export async function concernedPaths(
  git: Git,
  earlier: Status,
  touched: readonly string[],
  call: ContentOptions,
): Promise<readonly string[] | undefined> {
  const { oid, entries, truncated } = earlier;
  if (oid === undefined || entries === undefined || truncated) return undefined;
  const list = async (...args: string[]) => {
    const { exitCode, stdout, truncated } = await git.run(
      [...args, "--name-only", "-z", "--no-renames"],
      call,
    );
    return exitCode === 0 && !truncated ? stdout.toString("utf8").split("\0").slice(0, -1) : undefined;
  };
  const [staged, between] = await Promise.all([
    list("diff-index", "--cached", "--ignore-submodules=none", "HEAD"),
    list("diff-tree", "-r", "--ignore-submodules=none", oid, "HEAD"),
  ]);
  if (staged === undefined || between === undefined) return undefined;
  return [...new Set([...touched, ...entries.keys(), ...staged, ...between])];
}
