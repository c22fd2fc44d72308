// The state of the work tree: one `git status`, counted.

import type { ContentOptions, Git } from "./git.ts";
import { failure } from "./reasons.ts";

/** How one path differs. A path that was renamed away differs in no way of its own. */
export interface Entry {
  readonly staged?: true;
  readonly modified?: true;
  /** Gone from the work tree; it is `modified` as well. */
  readonly removed?: true;
  readonly untracked?: true;
  readonly conflicted?: true;
}

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
  /** What differs, by path. Absent when it is too much to be kept, or when a path is no UTF-8. */
  readonly entries?: ReadonlyMap<string, Entry>;
  /** Whether some of it are renames, or may become some: they concern two paths at once. */
  readonly renames: boolean;
  /** True when there was more than is read: the counts are too small. */
  readonly truncated: boolean;
}

/** Past this many, paths are counted and not kept. */
const MAX_ENTRIES = 5_000;

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

/**
 * Reads the state of the work tree. `config` must blank the repository's filters.
 *
 * @param paths - Only these files and directories are looked at, as literal paths relative to the root. Default: all.
 * @throws {CollectError}
 */
export async function readStatus(
  git: Git,
  options: ContentOptions,
  paths: readonly string[] = [],
): Promise<Status> {
  const result = await git.run([...ARGUMENTS, "--", ...paths], options);
  if (result.exitCode !== 0 && !result.truncated) throw failure(result, options.cwd);
  return parseStatus(result.stdout, result.truncated);
}

/** Parses the output of `status --porcelain=v2 -z --branch --show-stash`. Lines of an unknown kind are skipped. */
export function parseStatus(output: Buffer, truncated = false): Status {
  const headers = new Map<string, string>();
  const tally = new Tally();
  for (let start = 0; start < output.length; ) {
    let end = output.indexOf(0, start);
    // What the bound has cut off is not counted.
    if (end < 0) break;
    const field = output.subarray(start, end);
    switch (String.fromCharCode(field[0] ?? 0)) {
      case "#": {
        const [, name = "", ...words] = field.toString("utf8").split(" ");
        headers.set(name, words.join(" "));
        break;
      }
      case "1":
        tally.add(changeOf(field), pathOf(field, 8));
        // What is only intended to be added may become the new name of a file that goes.
        if (field[3] === "A".charCodeAt(0)) tally.expectRenames();
        break;
      case "2": {
        // The name that the file had before is one more field.
        const originEnd = output.indexOf(0, end + 1);
        const origin = output.subarray(end + 1, originEnd < 0 ? output.length : originEnd);
        tally.addRename(changeOf(field), pathOf(field, 9), origin);
        end += 1 + origin.length;
        break;
      }
      case "u":
        tally.add({ conflicted: true }, pathOf(field, 10));
        break;
      case "?":
        tally.add({ untracked: true }, pathOf(field, 1));
        break;
    }
    start = end + 1;
  }
  const oid = headers.get("branch.oid");
  const upstream = headers.get("branch.upstream");
  return {
    ...tally.result(truncated),
    stashes: Number.parseInt(headers.get("stash") ?? "0", 10) || 0,
    head: headers.get("branch.head") ?? "",
    ...(oid !== undefined && oid !== "(initial)" && { oid }),
    ...(upstream !== undefined && { upstream }),
    truncated,
  };
}

/** `1 XY ...`: X is the change in the index, Y the one in the work tree, a full stop none. */
function changeOf(field: Buffer): Entry {
  const none = ".".charCodeAt(0);
  const deleted = "D".charCodeAt(0);
  return {
    ...(field[2] !== none && { staged: true }),
    ...(field[3] !== none && { modified: true }),
    ...(field[3] === deleted && { removed: true }),
  };
}

/** The path stands after `blanks` blanks of the field, to its end. */
function pathOf(field: Buffer, blanks: number): Buffer {
  let from = 0;
  for (let seen = 0; seen < blanks; seen += 1) from = field.indexOf(" ", from) + 1;
  return field.subarray(from);
}

/** Counts entries, and keeps them as long as they are few. */
class Tally {
  readonly #counts = { staged: 0, modified: 0, untracked: 0, conflicted: 0 };
  #entries: Map<string, Entry> | undefined = new Map();
  #renames = false;

  add(entry: Entry, path: Buffer): void {
    if (entry.staged) this.#counts.staged += 1;
    if (entry.modified) this.#counts.modified += 1;
    if (entry.untracked) this.#counts.untracked += 1;
    if (entry.conflicted) this.#counts.conflicted += 1;
    this.#keep(entry, path);
  }

  expectRenames(): void {
    this.#renames = true;
  }

  addRename(entry: Entry, path: Buffer, origin: Buffer): void {
    this.#renames = true;
    this.add(entry, path);
    this.#keep({}, origin);
  }

  #keep(entry: Entry, path: Buffer): void {
    if (this.#entries === undefined) return;
    const text = path.toString("utf8");
    if (text.includes("\uFFFD") || this.#entries.size >= MAX_ENTRIES) this.#entries = undefined;
    // What was removed from the index only is there twice: as staged and as untracked.
    else this.#entries.set(text, { ...this.#entries.get(text), ...entry });
  }

  result(truncated: boolean) {
    const entries = truncated ? undefined : this.#entries;
    return { ...this.#counts, renames: this.#renames, ...(entries !== undefined && { entries }) };
  }
}

/**
 * The state of the whole work tree from an earlier one and a look at what was touched since. Both must be of the same commit and
 * index, without renames, and with their entries.
 *
 * @returns Absent when that is not so.
 */
export function mergeStatus(earlier: Status, look: Status, touched: readonly string[]): Status | undefined {
  if (earlier.entries === undefined || look.entries === undefined) return undefined;
  if (earlier.renames || look.renames || earlier.oid !== look.oid) return undefined;
  const entries = new Map(
    [...earlier.entries].filter(([path]) => !touched.some((each) => covers(each, path))),
  );
  for (const [path, entry] of look.entries) entries.set(path, entry);
  return withEntries(look, entries);
}

/** A state in which just these paths differ. Absent when they are too many to be kept. */
export function withEntries(status: Status, entries: ReadonlyMap<string, Entry>): Status | undefined {
  if (entries.size > MAX_ENTRIES) return undefined;
  const all = [...entries.values()];
  return {
    ...status,
    staged: all.filter((entry) => entry.staged).length,
    modified: all.filter((entry) => entry.modified).length,
    untracked: all.filter((entry) => entry.untracked).length,
    conflicted: all.filter((entry) => entry.conflicted).length,
    entries,
  };
}

/** Whether a touched file or directory is this path, or holds it. */
export function covers(touched: string, path: string): boolean {
  return path === touched || path.startsWith(`${touched}/`);
}
