// Whether a repository may be read: a `.git` that leads elsewhere would show another directory's contents as this one's.

import { constants } from "node:fs";
import { access, lstat, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { CollectError } from "../collector.ts";
import { isWithin, readStart, throwIfExhausted } from "./files.ts";
import type { Git } from "./git.ts";
import { gitFileTarget } from "./git-file.ts";
import type { RepositoryLocation } from "./location.ts";
import { failure } from "./reasons.ts";
import { OLDEST_GIT } from "./version.ts";

/** Twice the longest path that Linux takes; what points further points nowhere. */
const MAX_PATH_BYTES = 8192;

/** What git reads from a git directory. Each could be a link that leads out of it. */
const CONTENTS = [
  "HEAD",
  "config",
  "config.worktree",
  "index",
  "FETCH_HEAD",
  "logs",
  "objects",
  "packed-refs",
  "refs",
  "reftable",
  "worktrees",
];

/** Where refs and their logs are: a link anywhere in there could stand for a ref of another repository. */
const REF_DIRECTORIES = ["refs", "logs", "reftable"];

/**
 * Where the repository of `root` lies, as its own files say. Runs no git.
 *
 * @param root - Real path of a directory with an entry `.git`.
 * @returns Absent when that entry leads nowhere.
 * @throws {CollectError} PERMISSION_DENIED, OUT_OF_RESOURCES.
 */
export async function locate(root: string): Promise<RepositoryLocation | undefined> {
  try {
    const entry = join(root, ".git");
    // Whether `.git` is a link does not matter here: where it leads is checked by the caller.
    const pointer = gitFileTarget((await readStart(entry, MAX_PATH_BYTES)) ?? "");
    const gitDir = await realpath(pointer === undefined ? entry : resolve(root, pointer));
    const common = await readStart(join(gitDir, "commondir"), MAX_PATH_BYTES);
    const commonDir =
      common === undefined ? gitDir : await realpath(resolve(gitDir, common.replace(/\n$/, "")));
    const head = join(gitDir, "HEAD");
    if ((await lstat(head)).isFile()) await access(head, constants.R_OK);
    return { root, gitDir, commonDir };
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "EACCES" || cause.code === "EPERM")) {
      throw new CollectError("PERMISSION_DENIED", `The git directory of ${root} may not be read.`, { cause });
    }
    throwIfExhausted(cause);
    return undefined;
  }
}

/**
 * Refuses a repository whose parts lie elsewhere without pointing back here.
 *
 * @param workspace - Real path of the workspace: what lies in it belongs to it.
 * @throws {CollectError} FOREIGN_GIT_DIRECTORY, FOREIGN_WORK_TREE, GIT_TOO_OLD, or what git says against the repository.
 */
export async function checkTrust(
  git: Git,
  location: RepositoryLocation,
  workspace: string,
  signal: AbortSignal,
): Promise<void> {
  const { root, gitDir, commonDir } = location;
  const home = [root, workspace];
  const linked = await pointsBack(location);
  if (!linked && !home.some((directory) => isWithin(gitDir, directory))) throw foreign(root);
  const belongs = [...home, gitDir, ...(linked ? [commonDir] : [])];
  if (!belongs.some((directory) => isWithin(commonDir, directory))) throw foreign(root);
  const parts = [
    ...CONTENTS.map((name) => join(gitDir, name)),
    ...CONTENTS.map((name) => join(commonDir, name)),
  ];
  const leaves = await Promise.all(parts.map((part) => leadsOutOf(part, [...belongs, commonDir])));
  if (leaves.includes(true)) throw foreign(root);
  for (const directory of new Set([gitDir, commonDir])) {
    for (const name of REF_DIRECTORIES) {
      if (await holdsLinkOutOf(join(directory, name), [...belongs, commonDir])) throw foreign(root);
    }
  }

  const args = ["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"];
  const result = await git.run(args, { cwd: root, signal });
  if (result.exitCode !== 0) throw failure(result, root);
  const answer = result.stdout.toString("utf8");
  // A git that is too old does not know this option, and repeats it.
  if (answer.startsWith("--")) throw new CollectError("GIT_TOO_OLD", `git is older than ${OLDEST_GIT}.`);
  // Compared as a whole: a path may contain a line break.
  if (answer === `${root}\n${gitDir}\n${commonDir}\n`) return;
  if (answer.startsWith(`${root}\n`)) throw foreign(root);
  throw new CollectError(
    "FOREIGN_WORK_TREE",
    `The repository at ${root} has its work tree elsewhere (core.worktree).`,
  );
}

/**
 * Whether a git directory that lies elsewhere names this work tree as its own: a linked work tree by the file
 * `gitdir`, a submodule by `core.worktree`, which git itself compares when it is asked for the work tree's root.
 */
async function pointsBack({ root, gitDir, commonDir }: RepositoryLocation): Promise<boolean> {
  if (gitDir !== commonDir) {
    const back = await readStart(join(gitDir, "gitdir"), MAX_PATH_BYTES);
    const target = back === undefined ? undefined : await real(resolve(gitDir, back.replace(/\n$/, "")));
    return target === join(root, ".git") && dirname(dirname(gitDir)) === commonDir;
  }
  // `git sparse-checkout` moves the setting into the second one.
  for (const file of ["config", "config.worktree"]) {
    const config = (await readStart(join(gitDir, file), MAX_CONFIG_BYTES)) ?? "";
    for (const value of namedWorkTrees(config)) {
      if ((await real(resolve(gitDir, value.replaceAll('"', "")))) === root) return true;
    }
  }
  return false;
}

/** The last values that a configuration gives to `worktree`, in whichever section. git's own reading of it is compared later. */
function namedWorkTrees(config: string): string[] {
  return config
    .split("\n")
    .map((line) => {
      const end = line.indexOf("=");
      return line.slice(0, Math.max(0, end)).trim().toLowerCase() === "worktree"
        ? line.slice(end + 1).trim()
        : "";
    })
    .filter((value) => value !== "")
    .slice(-MAX_WORK_TREES);
}

/** git heeds one; another may stand in a section of another meaning. */
const MAX_WORK_TREES = 8;

/** Far more than any honest repository has; what lies behind it is not looked into. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Whether `path` is a link to something outside of all `directories`. */
async function leadsOutOf(path: string, directories: readonly string[]): Promise<boolean> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) return false;
  } catch {
    return false;
  }
  const target = await real(path);
  return target === undefined || !directories.some((directory) => isWithin(target, directory));
}

/**
 * Whether a link at some place below a directory leads out of all `directories`. One whose text is the name of a ref is a ref that
 * stands for another one, and leads nowhere.
 *
 * @throws {CollectError} PERMISSION_DENIED, OUT_OF_RESOURCES.
 */
async function holdsLinkOutOf(directory: string, directories: readonly string[]): Promise<boolean> {
  for (const link of await linksBelow(directory)) {
    // A name that is not UTF-8 cannot be looked at.
    if (link.includes("\uFFFD")) return true;
    const target = await readlink(link).catch(() => "");
    const isRef = target.startsWith("refs/") && !target.includes("..");
    if (!isRef && (await leadsOutOf(link, directories))) return true;
  }
  return false;
}

async function linksBelow(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isSymbolicLink())
      .map(({ parentPath, name }) => join(parentPath, name));
  } catch (cause) {
    throwIfExhausted(cause);
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new CollectError("PERMISSION_DENIED", `${directory} may not be read.`, { cause });
  }
}

async function real(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}

function foreign(root: string): CollectError {
  return new CollectError(
    "FOREIGN_GIT_DIRECTORY",
    `The git directory of ${root} lies elsewhere and does not point back.`,
  );
}
