// When something was last fetched, as git's notes of it tell: each work tree of a repository has one of its own.

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { throwIfExhausted } from "./files.ts";
import type { RepositoryLocation } from "./location.ts";

/** Where linked work trees have their git directories, in the one that all of them share. */
export const LINKED = "worktrees";

/** The note in the git directory of the work tree that something was fetched from. */
export const FETCH_NOTE = "FETCH_HEAD";

/** Far more than anybody has: the notes of further ones are neither read nor followed. */
export const MAX_LINKED = 1_000;

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
    const notes = [...directories].map((directory) => join(directory, FETCH_NOTE));
    const noted = await Promise.all(notes.map(async (note) => [note, await this.#noted(note)] as const));
    this.#known = new Map(noted.flatMap(([note, atMs]) => (atMs === undefined ? [] : [[note, atMs]])));
    return this.#known.size === 0 ? undefined : Math.max(...this.#known.values());
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
    return entries
      .filter((entry) => entry.isDirectory())
      .slice(0, MAX_LINKED)
      .map(({ name }) => join(commonDir, LINKED, name));
  } catch (error) {
    throwIfExhausted(error);
    return [];
  }
}
