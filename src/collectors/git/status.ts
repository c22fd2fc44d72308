// The state of the work tree: one `git status`, counted.

import type { Setting } from "./environment.ts";
import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

/** What `git status` says. */
export interface Status {
  /** Full hash of HEAD. Absent before the first commit. */
  readonly oid?: string;
  /** Short name of the branch as status prints it: `(detached)` for none. */
  readonly head: string;
  /** Upstream as `remote/branch`, also when it is gone. Absent when none is configured. */
  readonly upstream?: string;
  readonly stashes: number;
  readonly staged: number;
  readonly modified: number;
  readonly untracked: number;
  readonly conflicted: number;
  /** Tracked files that differ, both names of a renamed one. Absent when there are too many to be listed. */
  readonly changedPaths?: readonly string[];
  /** True when there was more than is read: the counts are too small. */
  readonly truncated: boolean;
}

/** Past this many, a list of paths saves nothing. */
const MAX_CHANGED_PATHS = 200;

const ARGUMENTS = [
  "status",
  "--porcelain=v2",
  "-z",
  "--branch",
  "--show-stash",
  // Both counts are cached by their pair of commits; status would count anew each time.
  "--no-ahead-behind",
  "--untracked-files=all",
  "--ignored=no",
  "--find-renames",
  // Compares the commit that a submodule is at, in this process; its files would be compared by a git of its own.
  "--ignore-submodules=dirty",
];

/** Reads the state of the work tree. `config` must blank the repository's filters. @throws {CollectError} */
export async function readStatus(
  git: Git,
  options: RunOptions & { readonly config: readonly Setting[] },
): Promise<Status> {
  const result = await git.run(ARGUMENTS, options);
  if (result.exitCode !== 0 && !result.truncated) throw failure(result, options.cwd);
  return parseStatus(result.stdout, result.truncated);
}

/** Parses the output of `status --porcelain=v2 -z --branch --show-stash`. Lines of an unknown kind are skipped. */
export function parseStatus(output: Buffer, truncated = false): Status {
  const counts = { staged: 0, modified: 0, untracked: 0, conflicted: 0, stashes: 0 };
  const headers = new Map<string, string>();
  const paths = new PathList();
  for (let start = 0; start < output.length; ) {
    const end = endOfField(output, start);
    // What the bound has cut off is not counted.
    if (end < 0) break;
    switch (String.fromCharCode(output[start] ?? 0)) {
      case "#": {
        const [, name = "", ...words] = output.toString("utf8", start, end).split(" ");
        headers.set(name, words.join(" "));
        break;
      }
      case "2": {
        countChange(counts, output, start);
        paths.add(output, start, end, 9);
        const originEnd = endOfField(output, end + 1);
        paths.add(output, end + 1, originEnd < 0 ? output.length : originEnd, 0);
        start = originEnd < 0 ? output.length : originEnd + 1;
        continue;
      }
      case "1":
        countChange(counts, output, start);
        paths.add(output, start, end, 8);
        break;
      case "u":
        counts.conflicted += 1;
        paths.add(output, start, end, 10);
        break;
      case "?":
        counts.untracked += 1;
        break;
    }
    start = end + 1;
  }
  const oid = headers.get("branch.oid");
  const upstream = headers.get("branch.upstream");
  const changedPaths = truncated ? undefined : paths.list();
  return {
    ...counts,
    stashes: Number.parseInt(headers.get("stash") ?? "0", 10) || 0,
    head: headers.get("branch.head") ?? "",
    ...(oid !== undefined && oid !== "(initial)" && { oid }),
    ...(upstream !== undefined && { upstream }),
    ...(changedPaths !== undefined && { changedPaths }),
    truncated,
  };
}

/** `1 XY ...`: X is the change in the index, Y the one in the work tree, a full stop none. */
function countChange(counts: { staged: number; modified: number }, output: Buffer, start: number): void {
  const none = ".".charCodeAt(0);
  if (output[start + 2] !== none) counts.staged += 1;
  if (output[start + 3] !== none) counts.modified += 1;
}

function endOfField(output: Buffer, start: number): number {
  return output.indexOf(0, start);
}

/** Collects the paths that changed, as long as they are few and can be given to git as arguments. */
class PathList {
  #paths: string[] | undefined = [];

  /** The path stands after `blanks` blanks of the field, to its end. */
  add(output: Buffer, start: number, end: number, blanks: number): void {
    if (this.#paths === undefined) return;
    let from = start;
    for (let seen = 0; seen < blanks; seen += 1) from = output.indexOf(" ", from) + 1;
    const path = output.toString("utf8", from, end);
    const usable = !path.includes("\uFFFD") && this.#paths.length < MAX_CHANGED_PATHS;
    if (usable) this.#paths.push(path);
    else this.#paths = undefined;
  }

  list(): readonly string[] | undefined {
    return this.#paths;
  }
}
