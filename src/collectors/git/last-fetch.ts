// When something was last fetched, as git's notes of it tell: each work tree of a repository has one of its own.

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { throwIfExhausted } from "./files.ts";
import type { RepositoryLocation } from "./location.ts";

/** Where linked work trees have their git directories, in the one that all of them share. */
export const LINKED = "worktrees";

/** The note in the git directory of the work tree that something was fetched from. */
export const FETCH_NOTE = "FETCH_HEAD";

/** Belongs to one collector. */
export class LastFetch {
  /** By the path of the note. */
  #known = new Map<string, number>();

  /**
   * In milliseconds since 1970. Absent when nothing was ever fetched, and when it cannot be told.
   *
   * @throws {CollectError} OUT_OF_RESOURCES.
   */
  async atMs({ gitDir, commonDir }: RepositoryLocation): Promise<number | undefined> {
    const directories = new Set([gitDir, commonDir, ...(await linkedOf(commonDir))]);
    const known = new Map<string, number>();
    for (const directory of directories) {
      const note = join(directory, FETCH_NOTE);
      const atMs = await this.#noted(note);
      if (atMs !== undefined) known.set(note, atMs);
    }
    this.#known = known;
    return known.size === 0 ? undefined : Math.max(...known.values());
  }

  /** A fetch empties the note as it begins, and leaves it so when it fails: then what it said before still holds. */
  async #noted(note: string): Promise<number | undefined> {
    try {
      const { size, mtimeMs } = await lstat(note);
      return size > 0 ? mtimeMs : this.#known.get(note);
    } catch (error) {
      throwIfExhausted(error);
      return undefined;
    }
  }
}

async function linkedOf(commonDir: string): Promise<string[]> {
  try {
    const entries = await readdir(join(commonDir, LINKED), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(commonDir, LINKED, name));
  } catch (error) {
    throwIfExhausted(error);
    return [];
  }
}
