// Follows single paths, whether they exist or not. Each is followed along all the directories above it: a path also
// changes when one of those is moved, removed or comes to be.

import { isWithin } from "./files.ts";
import {
  type DirectoryWatcher,
  isForbidden,
  isGone,
  join,
  nameOf,
  parentOf,
  type WatchDirectory,
} from "./watch-directory.ts";

interface Followed {
  /** Entries of this directory that lie on the way to a followed path. */
  readonly entries: Set<string>;
  watcher: DirectoryWatcher | undefined;
}

export class PathWatch {
  readonly #watchDirectory: WatchDirectory;
  readonly #failed: (error: unknown) => void;
  readonly #directories = new Map<string, Followed>();
  readonly #reactions = new Map<string, Set<() => void>>();

  constructor(watchDirectory: WatchDirectory, failed: (error: unknown) => void) {
    this.#watchDirectory = watchDirectory;
    this.#failed = failed;
  }

  /** Calls `touched` whenever the entry at `path` may have changed; for a directory that is its existence, not its content. */
  follow(path: string, touched: () => void): void {
    const reactions = this.#reactions.get(path);
    if (reactions !== undefined) reactions.add(touched);
    else this.#reactions.set(path, new Set([touched]));
    for (let at = path; at !== "/"; at = parentOf(at)) {
      const directory = parentOf(at);
      const followed = this.#directories.get(directory);
      if (followed !== undefined) followed.entries.add(nameOf(at));
      else this.#directories.set(directory, { entries: new Set([nameOf(at)]), watcher: undefined });
    }
  }

  /** Watches what is followed and not watched yet. Throws when watching fails for another reason than a missing directory. */
  open(): void {
    // From the top: what is created after the attempt to watch it is told by the directory above it.
    for (const path of [...this.#directories.keys()].sort((a, b) => a.length - b.length)) this.#open(path);
  }

  close(): void {
    for (const followed of this.#directories.values()) followed.watcher?.close();
    this.#directories.clear();
    this.#reactions.clear();
  }

  #open(path: string): void {
    const followed = this.#directories.get(path);
    if (followed === undefined || followed.watcher !== undefined) return;
    try {
      followed.watcher = this.#watchDirectory(path, {
        heard: (entry, renamed) => this.#heard(path, followed, entry, renamed),
        failed: this.#failed,
      });
    } catch (error) {
      if (!isGone(error) && !isForbidden(error)) throw error;
    }
  }

  #heard(directory: string, followed: Followed, entry: string | null, renamed: boolean): void {
    if (entry === null) {
      for (const each of followed.entries) this.#touched(join(directory, each), true);
    } else if (followed.entries.has(entry)) this.#touched(join(directory, entry), renamed);
  }

  #touched(path: string, renamed: boolean): void {
    const reactions = new Set(this.#reactions.get(path));
    if (renamed && this.#directories.has(path)) {
      this.#reopen(path);
      for (const [below, each] of this.#reactions) {
        if (isWithin(below, path)) for (const reaction of each) reactions.add(reaction);
      }
    }
    for (const reaction of reactions) reaction();
  }

  /** The directory was replaced, or has come to be: its watcher, and those below, belong to what was there before. */
  #reopen(path: string): void {
    for (const [below, followed] of this.#directories) {
      if (!isWithin(below, path)) continue;
      followed.watcher?.close();
      followed.watcher = undefined;
    }
    try {
      this.open();
    } catch (error) {
      this.#failed(error);
    }
  }
}
