// Finds the repositories of a workspace: the one it lies in, else those below it.

import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CollectError } from "../collector.ts";
import { exists, isDirectory, throwIfExhausted } from "./files.ts";
import type { RepositoryLocation } from "./location.ts";
import { locate } from "./trust.ts";

/** What was found. */
export interface Discovery {
  /** Real path of the workspace. */
  readonly workspace: string;
  /** Whether the workspace lies in a repository: then there is just that one. */
  readonly inside: boolean;
  /** The repository that the workspace lies in, or those below it. Not yet known to be trustworthy. */
  readonly repositories: readonly RepositoryLocation[];
}

/** How deep below the workspace repositories are looked for. */
const DEPTH = 2;
/** Directories that are looked into; a workspace with more has its first ones looked into. */
const MAX_DIRECTORIES = 2_000;

/**
 * Looks for repositories. A repository is not searched for others inside it, nor are hidden directories
 * and node_modules: what tools put there is not what is being worked on. Links to directories are not followed.
 *
 * @throws {CollectError} WORKSPACE_NOT_FOUND, WORKSPACE_UNREADABLE, OUT_OF_RESOURCES, PERMISSION_DENIED, BARE_REPOSITORY,
 * EMBEDDED_BARE_REPOSITORY.
 */
export async function discover(directory: string): Promise<Discovery> {
  const workspace = await realWorkspace(directory);
  const around = await repositoryAround(workspace);
  if (around !== undefined) return { workspace, inside: true, repositories: [around] };
  return { workspace, inside: false, repositories: await repositoriesBelow(workspace) };
}

async function realWorkspace(directory: string): Promise<string> {
  try {
    const workspace = await realpath(directory);
    await lstat(join(workspace, "."));
    await readdir(workspace);
    return workspace;
  } catch (cause) {
    throwIfExhausted(cause);
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    switch (code) {
      case "EACCES":
        throw new CollectError("PERMISSION_DENIED", `The workspace ${directory} may not be read.`, { cause });
      case "ENOENT":
      case "ENOTDIR":
        throw new CollectError("WORKSPACE_NOT_FOUND", `The workspace ${directory} does not exist.`, {
          cause,
        });
      default:
        throw new CollectError(
          "WORKSPACE_UNREADABLE",
          `The workspace ${directory} cannot be read (${String(code)}).`,
          { cause },
        );
    }
  }
}

async function repositoryAround(workspace: string): Promise<RepositoryLocation | undefined> {
  let bare: string | undefined;
  for (let directory = workspace; ; directory = dirname(directory)) {
    const location = (await exists(join(directory, ".git"))) ? await locate(directory) : undefined;
    if (location !== undefined && bare === undefined) return location;
    if (bare !== undefined && (location !== undefined || directory === dirname(directory))) {
      throw location === undefined
        ? new CollectError("BARE_REPOSITORY", `${bare} is a bare repository: it has no work tree.`)
        : new CollectError(
            "EMBEDDED_BARE_REPOSITORY",
            `${bare} is a bare repository inside the work tree ${directory}.`,
          );
    }
    if (basename(directory) !== ".git" && (await looksBare(directory))) bare ??= directory;
    if (directory === dirname(directory)) return undefined;
  }
}

/** The signs by which git itself takes a directory for a git directory. */
async function looksBare(directory: string): Promise<boolean> {
  const [head, objects, refs] = await Promise.all([
    exists(join(directory, "HEAD")),
    isDirectory(join(directory, "objects")),
    isDirectory(join(directory, "refs")),
  ]);
  return head && objects && refs;
}

async function repositoriesBelow(workspace: string): Promise<RepositoryLocation[]> {
  const found: RepositoryLocation[] = [];
  let level = [workspace];
  let left = MAX_DIRECTORIES;
  for (let depth = 0; depth < DEPTH; depth += 1) {
    const children = (await Promise.all(level.map(subdirectories))).flat().slice(0, left);
    left -= children.length;
    const locations = await Promise.all(
      children.map(async (child) => ((await exists(join(child, ".git"))) ? locate(child) : undefined)),
    );
    level = children.filter((_, index) => locations[index] === undefined);
    found.push(...locations.filter((location) => location !== undefined));
  }
  return found;
}

async function subdirectories(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      .map((entry) => join(directory, entry.name))
      .sort();
  } catch (error) {
    throwIfExhausted(error);
    return [];
  }
}
