// The size of the uncommitted change.

import type { Setting } from "./environment.ts";
import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

/** Lines changed in tracked files against a commit; binary files count 0. */
export interface Diff {
  readonly insertions: number;
  readonly deletions: number;
}

/** Past this many, or this many characters of them, naming the paths saves nothing. */
const MAX_PATHS = 200;
const MAX_PATH_CHARACTERS = 32 * 1024;

/**
 * Compares the work tree with a commit.
 *
 * @param base - Full hash of the commit, or of the empty tree.
 * @param paths - The only files that differ, when that is known: git then looks at no others. Default: all.
 * @throws {CollectError}
 */
export async function readDiff(
  git: Git,
  base: string,
  paths: readonly string[] | undefined,
  options: RunOptions & { readonly config: readonly Setting[] },
): Promise<Diff> {
  const args = [
    "diff",
    "--shortstat",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--find-renames",
    // A submodule's commit is not a line of text.
    "--ignore-submodules=all",
    "-O/dev/null",
    "--end-of-options",
    base,
    "--",
    ...fewPaths(paths),
  ];
  const result = await git.run(args, options);
  if (result.exitCode !== 0) throw failure(result, options.cwd);
  return parseShortstat(result.stdout.toString("utf8"));
}

function fewPaths(paths: readonly string[] = []): readonly string[] {
  const characters = paths.reduce((sum, path) => sum + path.length, 0);
  return paths.length <= MAX_PATHS && characters <= MAX_PATH_CHARACTERS ? paths : [];
}

/** Parses ` 3 files changed, 5 insertions(+), 2 deletions(-)`; what is not mentioned is 0. */
export function parseShortstat(line: string): Diff {
  return {
    insertions: Number.parseInt(/(\d+) insertion/.exec(line)?.[1] ?? "0", 10),
    deletions: Number.parseInt(/(\d+) deletion/.exec(line)?.[1] ?? "0", 10),
  };
}

/** Name of the tree without files, which git knows without having it. */
export function emptyTree(objectFormat: string | undefined): string {
  return objectFormat === "sha256"
    ? "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    : "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
}
