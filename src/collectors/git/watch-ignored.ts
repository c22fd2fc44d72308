// What git says about directories: which are ignored as a whole, and which ignored ones hold tracked files all the same.

import { isUtf8 } from "node:buffer";
import { CollectError } from "../collector.ts";
import type { Git } from "./git.ts";
import { join, parentOf, toPath } from "./watch-directory.ts";

/** Past this many paths, one question about the whole work tree is cheaper than a question about each. */
export const MAX_PATHS = 100;

export interface Question {
  readonly git: Git;
  /** Root of the work tree. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/**
 * The ignored directories at or below `paths` (all of them when there are many), or in the whole work tree. A directory
 * that is ignored by a pattern and holds a tracked file is not among them; its ignored subdirectories are.
 */
export async function findIgnored(question: Question, paths?: readonly string[]): Promise<Set<string>> {
  const limit = paths === undefined || paths.length > MAX_PATHS ? [] : paths;
  const args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
  const relative = ignoredDirectories(await ask(question, [...args, ...pathspecs(question.root, limit)]));
  return new Set(relative.map((path) => join(question.root, path)));
}

/**
 * From git's sorted list. It also names a directory that only holds what is ignored, and is not ignored itself: that one
 * is followed by its content, for which git has not looked into a directory that is ignored.
 */
export function ignoredDirectories(paths: readonly string[]): string[] {
  return paths
    .filter((path, index) => path.endsWith("/") && paths[index + 1]?.startsWith(path) !== true)
    .map((path) => path.slice(0, -1));
}

/** The directories that hold a tracked file, of those at or below `paths`; or, without `paths`, of the ignored ones. */
export async function findTracked(question: Question, paths?: ReadonlySet<string>): Promise<Set<string>> {
  const args = ["ls-files", "-z", "--cached"];
  const limit =
    paths === undefined ? ["--ignored", "--exclude-standard"] : pathspecs(question.root, [...paths]);
  const files = (await ask(question, [...args, ...limit])).map((file) => join(question.root, file));
  // The repository of a submodule is listed as if it was a file: nothing in it is tracked.
  return new Set(files.filter((file) => paths?.has(file) !== true).map(parentOf));
}

function pathspecs(root: string, paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  // Arguments are UTF-8. A name that is not is asked for by the directories above it.
  return ["--", ...new Set(paths.map((path) => relativeUtf8(root, path)))];
}

function relativeUtf8(root: string, path: string): string {
  let relative = path.slice(root.length + 1);
  while (!isUtf8(toPath(relative))) relative = relative.slice(0, Math.max(0, relative.lastIndexOf("/")));
  return relative === "" ? "." : toPath(relative).toString();
}

async function ask({ git, root, signal }: Question, args: readonly string[]): Promise<string[]> {
  try {
    const result = await git.run(args, { cwd: toPath(root).toString(), signal });
    if (result.exitCode !== 0) throw new Error(`git ls-files ended with exit code ${result.exitCode}`);
    const paths = result.stdout.toString("latin1").split("\0");
    paths.pop();
    if (!result.truncated) return paths;
    // What the last directories hold is not known to the end, so none of them may be taken for ignored.
    return paths.filter((path) => !path.endsWith("/") || paths.at(-1)?.startsWith(path) !== true);
  } catch (error) {
    signal.throwIfAborted();
    throw new CollectError(
      "IGNORED_UNKNOWN",
      "Which directories git ignores cannot be found out, so files are not watched: every read collects anew.",
      { cause: error },
    );
  }
}
