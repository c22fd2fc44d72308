// The size of the uncommitted change.

import type { ContentOptions, Git } from "./git.ts";
import { failure } from "./reasons.ts";
import type { Status } from "./status.ts";

/** Lines changed; binary files count 0. */
export interface Size {
  readonly insertions: number;
  readonly deletions: number;
}

/** Lines changed in each of some files against the index. */
export type Lines = ReadonlyMap<string, Size>;

/** Lines changed in tracked files against a commit, and the parts of that sum where they were measured apart. */
export interface Diff extends Size {
  /** What is staged. */
  readonly staged?: Size;
  /** What is not. */
  readonly lines?: Lines;
}

const ARGUMENTS = [
  "diff",
  "--no-ext-diff",
  "--no-textconv",
  "--no-color",
  "--no-relative",
  "--find-renames",
  // A submodule's commit is not a line of text.
  "--ignore-submodules=all",
  "-O/dev/null",
];

/** No change at all. */
export const NOTHING: Size = { insertions: 0, deletions: 0 };

/** Past this many, or this many characters of them, naming the paths saves nothing. */
const MAX_PATHS = 200;
const MAX_PATH_CHARACTERS = 32 * 1024;

/**
 * Measures the change from a commit to the work tree.
 *
 * @param base - Full hash of the commit, or of the empty tree.
 * @param status - What differs from that commit.
 * @throws {CollectError}
 */
export async function readDiff(
  git: Git,
  base: string,
  status: Status,
  options: ContentOptions,
): Promise<Diff> {
  const modified = modifiedApart(status);
  if (modified === undefined) return await readSize(git, [base, "--"], options);
  const isStaged = [...(status.entries?.values() ?? [])].some((entry) => entry.staged);
  const [staged, lines] = await Promise.all([
    isStaged ? readSize(git, ["--cached", base, "--"], options) : NOTHING,
    isFew(modified) ? readLines(git, modified, options) : undefined,
  ]);
  if (lines !== undefined) return total(staged, lines);
  const { insertions, deletions } = await readSize(
    git,
    ["--", ...(isFew(modified) ? modified : [])],
    options,
  );
  return { insertions: staged.insertions + insertions, deletions: staged.deletions + deletions };
}

/**
 * The paths with changes that are not staged. Absent when there are files with both staged and other changes, or renames
 * that may be half staged. Where there are none, the two kinds are measured apart, and neither needs a look at files that have not
 * changed. A comparison of a commit with the work tree limited to paths would not either, but takes seconds in a large repository
 * (3.5 s at 100,000 files with git 2.39).
 */
function modifiedApart({ entries, conflicted, renames }: Status): string[] | undefined {
  if (entries === undefined || conflicted > 0) return undefined;
  const all = [...entries];
  if (all.some(([, entry]) => entry.staged && entry.modified)) return undefined;
  // What is staged under a new name and what is removed under the old one is one rename, which neither kind shows alone.
  const isRemovalOpen = all.some(([, entry]) => entry.removed);
  if (renames || (isRemovalOpen && all.some(([, entry]) => entry.staged))) return undefined;
  return all.filter(([, entry]) => entry.modified).map(([path]) => path);
}

/**
 * Measures how each of these files differs from the index.
 *
 * @returns Absent when that is not told file by file.
 * @throws {CollectError}
 */
export async function readLines(
  git: Git,
  paths: readonly string[],
  options: ContentOptions,
): Promise<Lines | undefined> {
  if (paths.length === 0) return new Map();
  const result = await git.run([...ARGUMENTS, "--numstat", "-z", "--", ...paths], options);
  if (result.exitCode !== 0) throw failure(result, options.cwd);
  return parseNumstat(result.stdout.toString("utf8"));
}

/** Parses `5\t2\tpath` and NUL for each file; a binary one has hyphens. Absent for renames, and for paths that are no UTF-8. */
export function parseNumstat(output: string): Lines | undefined {
  const lines = new Map<string, Size>();
  for (const field of output.split("\0").slice(0, -1)) {
    const [, insertions, deletions, path] = /^(\d+|-)\t(\d+|-)\t(.+)$/s.exec(field) ?? [];
    if (path === undefined || path.includes("\uFFFD")) return undefined;
    lines.set(path, { insertions: Number(insertions) || 0, deletions: Number(deletions) || 0 });
  }
  return lines;
}

async function readSize(git: Git, args: readonly string[], options: ContentOptions): Promise<Size> {
  const result = await git.run([...ARGUMENTS, "--shortstat", ...args], options);
  if (result.exitCode !== 0) throw failure(result, options.cwd);
  return parseShortstat(result.stdout.toString("utf8"));
}

/** What is staged, and what is not, taken together. */
export function total(staged: Size, lines: Lines): Diff {
  const all = [staged, ...lines.values()];
  return {
    insertions: all.reduce((sum, part) => sum + part.insertions, 0),
    deletions: all.reduce((sum, part) => sum + part.deletions, 0),
    staged,
    lines,
  };
}

function isFew(paths: readonly string[]): boolean {
  const characters = paths.reduce((sum, path) => sum + path.length, 0);
  return paths.length <= MAX_PATHS && characters <= MAX_PATH_CHARACTERS;
}

/** Parses ` 3 files changed, 5 insertions(+), 2 deletions(-)`; what is not mentioned is 0. */
export function parseShortstat(line: string): Size {
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
