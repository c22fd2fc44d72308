// What became of a few files while index and HEAD stayed as they were. Two small questions at once take half the time of a
// `git status` of these files and the comparison of contents after it.

import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { CollectError } from "../collector.ts";
import { type Diff, type Lines, readLines, total } from "./diff.ts";
import type { ContentOptions, Git } from "./git.ts";
import { covers, type Entry, type Status, withEntries } from "./status.ts";

/** A state, and the size of its change where that came along. */
export interface Look {
  readonly status: Status;
  readonly diff?: Diff;
}

const LINES_MS = 200;

const ARGUMENTS = ["ls-files", "-z", "-t", "--modified", "--deleted", "--others", "--exclude-standard"];

/**
 * The state of the whole work tree, from an earlier one of the same plain index, HEAD and configuration.
 *
 * @param touched - Files and directories that may have changed since.
 * @returns Absent when it cannot be told this way.
 * @throws the signal's reason when aborted
 */
export async function lookQuickly(
  git: Git,
  earlier: Look,
  touched: readonly string[],
  call: ContentOptions,
): Promise<Look | undefined> {
  const { entries: known, renames, conflicted, truncated } = earlier.status;
  if (known === undefined || renames || conflicted > 0 || truncated) return undefined;
  const [areSimple, found, lines] = await Promise.all([
    Promise.all(touched.map((path) => isFileOrAbsent(resolve(call.cwd, path)))),
    listFiles(git, touched, call),
    readLinesInTime(git, touched, call),
  ]);
  // A directory may hold another repository; a link, what looks like the files of a directory that it has replaced.
  if (areSimple.includes(false) || found === undefined) return undefined;
  const entries = new Map<string, Entry>();
  for (const [path, entry] of known) {
    if (!touched.some((each) => covers(each, path))) entries.set(path, entry);
    else if (entry.staged) entries.set(path, { staged: true });
  }
  for (const [path, entry] of found) entries.set(path, { ...entries.get(path), ...entry });
  const status = withEntries(earlier.status, entries);
  if (status === undefined) return undefined;
  const diff = lines === undefined ? undefined : measure(earlier.diff, entries, touched, lines);
  return { status, ...(diff !== undefined && { diff }) };
}

async function isFileOrAbsent(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

async function listFiles(
  git: Git,
  paths: readonly string[],
  call: ContentOptions,
): Promise<Map<string, Entry> | undefined> {
  const { exitCode, stdout, truncated } = await git.run([...ARGUMENTS, "--", ...paths], call);
  return exitCode === 0 && !truncated ? parseFiles(stdout.toString("utf8")) : undefined;
}

/** Absent when it takes its time: nothing else is to wait for it. */
async function readLinesInTime(
  git: Git,
  paths: readonly string[],
  call: ContentOptions,
): Promise<Lines | undefined> {
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(LINES_MS)]);
  try {
    return await readLines(git, paths, { ...call, signal });
  } catch (error) {
    call.signal.throwIfAborted();
    if (error instanceof CollectError || signal.aborted) return undefined;
    throw error;
  }
}

/** Parses the output of `ls-files -z -t --modified --deleted --others`. Absent when there is something unknown in it. */
export function parseFiles(output: string): Map<string, Entry> | undefined {
  const found = new Map<string, Entry>();
  for (const field of output.split("\0").slice(0, -1)) {
    const path = field.slice(2);
    if (path.includes("\uFFFD")) return undefined;
    // A removed file counts as modified, and is named as both.
    if (field.startsWith("C ")) found.set(path, { modified: true, ...found.get(path) });
    else if (field.startsWith("R ")) found.set(path, { modified: true, removed: true });
    else if (field.startsWith("? ")) found.set(path, { untracked: true });
    else return undefined;
  }
  return found;
}

/** What is staged is of the same size as before. */
function measure(
  earlier: Diff | undefined,
  entries: ReadonlyMap<string, Entry>,
  touched: readonly string[],
  lines: Lines,
): Diff | undefined {
  if (earlier?.staged === undefined || earlier.lines === undefined) return undefined;
  const all = [...entries];
  if (all.some(([, { staged, modified }]) => staged && modified)) return undefined;
  // Half of a rename may be staged.
  if (all.some(([, { removed }]) => removed) && all.some(([, { staged }]) => staged)) return undefined;
  const kept = [...earlier.lines].filter(([path]) => !touched.some((each) => covers(each, path)));
  const now = new Map([...kept, ...lines].filter(([path]) => entries.get(path)?.modified));
  const isWhole = all.every(([path, { modified }]) => !modified || now.has(path));
  return isWhole ? total(earlier.staged, now) : undefined;
}
