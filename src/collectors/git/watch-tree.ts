// A tree of watched directories, one watcher each. What an event means and which directories belong to the tree is for
// the one who has the tree to say; here they are opened, followed through renames, and released. No state per file.

import { accessSync, constants, lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { isWithin } from "./files.ts";
import {
  type DirectoryWatcher,
  isForbidden,
  isGone,
  join,
  toPath,
  type WatchDirectory,
} from "./watch-directory.ts";

/** Renamed entries of one directory that are remembered by name; past that, it is listed, and only subdirectories are. */
const MAX_NAMES = 16;

/** Entries looked at before the event loop gets its turn. */
const SLICE = 128;

/** One directory of the tree. */
export interface Directory {
  readonly name: string;
  readonly parent: Directory | undefined;
  children: Map<string, Directory> | undefined;
  /** Absent once released. */
  watcher: DirectoryWatcher | undefined;
}

/** What a listing shows of a directory. */
export interface Listing {
  readonly path: string;
  readonly subdirectories: readonly string[];
  has(entry: string): boolean;
}

/** What is to be resolved in one directory. */
interface Renamed {
  readonly names: Set<string>;
  /** There were more than `names`. */
  listed: boolean;
}

export interface TreeOptions {
  readonly root: string;
  readonly watchDirectory: WatchDirectory;
  /** Called for every event, with `entry` absent when it may have been any. True: a directory may have come or gone. */
  readonly heard: (directory: Directory, entry: string | undefined, renamed: boolean) => boolean;
  /** Called when the tree has something to {@link DirectoryTree.resolve}. */
  readonly stale: () => void;
  /** Called when a watcher ends by itself. */
  readonly failed: (error: unknown) => void;
}

export class DirectoryTree {
  readonly #options: TreeOptions;
  #root: Directory | undefined;
  #renamed = new Map<Directory, Renamed>();
  /** Directories that cannot be listed, though what is in them may count. */
  readonly #unreadable = new Set<string>();

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  get root(): Directory | undefined {
    return this.#root;
  }

  get stale(): boolean {
    return this.#renamed.size > 0;
  }

  /** One directory whose files may change unnoticed. */
  get unreadable(): string | undefined {
    return this.#unreadable.values().next().value;
  }

  /** Watches the root alone. Absent when there is no such directory. */
  open(): Directory | undefined {
    this.close();
    this.#root = this.#watch(undefined, this.#options.root);
    return this.#root;
  }

  close(): void {
    if (this.#root !== undefined) this.#release(this.#root);
    this.#root = undefined;
    this.#renamed.clear();
    this.#unreadable.clear();
  }

  pathOf(directory: Directory): string {
    const { parent, name } = directory;
    return parent === undefined ? name : join(this.pathOf(parent), name);
  }

  /** The watched directory at this path. */
  find(path: string): Directory | undefined {
    if (!isWithin(path, this.#options.root)) return undefined;
    const rest = path.slice(this.#options.root.length);
    let found = this.#root;
    for (const name of rest.split("/")) if (name !== "") found = found?.children?.get(name);
    return found;
  }

  /** Watches this entry of a directory, unless it is watched already or no directory. */
  enter(parent: Directory, name: string): Directory | undefined {
    return parent.children?.get(name) ?? this.#watch(parent, name);
  }

  /** Lets go of a directory and all below it. */
  leave(directory: Directory): void {
    this.#readable(this.pathOf(directory));
    directory.parent?.children?.delete(directory.name);
    this.#release(directory);
  }

  /** Watches anew each entry that was renamed since the last call, and returns the directories among them. */
  async resolve(): Promise<Directory[]> {
    const renamed = this.#renamed;
    this.#renamed = new Map();
    const fresh: Directory[] = [];
    let looked = 0;
    for (const [directory, { names, listed }] of renamed) {
      if (directory.watcher === undefined) continue;
      for (const name of listed ? await this.#unknown(directory, names) : names) {
        if (directory.watcher === undefined) break;
        const entered = this.#renew(directory, name);
        if (entered !== undefined) fresh.push(entered);
        looked += 1;
        if (looked % SLICE === 0) await setImmediate();
      }
    }
    return fresh.filter((directory) => directory.watcher !== undefined);
  }

  /** Watches all that is below these directories. `admit` names the entries of a listed directory that belong to the tree. */
  async walk(
    from: readonly Directory[],
    admit: (listing: Listing, directory: Directory) => readonly string[],
  ) {
    const remaining = [...from];
    for (let directory = remaining.pop(); directory !== undefined; directory = remaining.pop()) {
      if (directory.watcher === undefined) continue;
      const listing = await this.#list(directory);
      if (listing === undefined || directory.watcher === undefined) continue;
      const admitted = new Set(admit(listing, directory));
      for (const name of listing.subdirectories) {
        if (!admitted.has(name)) this.#readable(join(listing.path, name));
      }
      for (const child of directory.children?.values() ?? [])
        if (!admitted.has(child.name)) this.leave(child);
      for (const name of admitted) {
        const child = this.enter(directory, name);
        if (child !== undefined) remaining.push(child);
      }
    }
  }

  async #list(directory: Directory): Promise<Listing | undefined> {
    const path = this.pathOf(directory);
    try {
      const entries = await readdir(toPath(path), { encoding: "latin1", withFileTypes: true });
      return {
        path,
        subdirectories: entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name),
        has: (name) => entries.some((entry) => entry.name === name),
      };
    } catch (error) {
      // What is gone is told by the directory above.
      if (isForbidden(error)) this.#forbidden(path);
      else if (!isGone(error)) throw error;
      return undefined;
    }
  }

  /** These names, and those of subdirectories that are not watched. */
  async #unknown(directory: Directory, names: ReadonlySet<string>): Promise<Set<string>> {
    const listing = await this.#list(directory);
    const unknown = listing?.subdirectories.filter((name) => directory.children?.has(name) !== true) ?? [];
    return new Set([...names, ...unknown]);
  }

  /** A renamed entry may be another directory under the same name: what was watched there says nothing about it. */
  #renew(parent: Directory, name: string): Directory | undefined {
    const child = parent.children?.get(name);
    if (child !== undefined) this.leave(child);
    const path = join(this.pathOf(parent), name);
    this.#readable(path);
    try {
      if (lstatSync(toPath(path), { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
    } catch (error) {
      if (isGone(error) || isForbidden(error)) return undefined;
      throw error;
    }
    return this.#watch(parent, name);
  }

  #watch(parent: Directory | undefined, name: string): Directory | undefined {
    const directory: Directory = { name, parent, children: undefined, watcher: undefined };
    const path = this.pathOf(directory);
    try {
      directory.watcher = this.#options.watchDirectory(path, {
        heard: (entry, renamed) => this.#heard(directory, entry ?? undefined, renamed),
        failed: this.#options.failed,
      });
    } catch (error) {
      if (isForbidden(error)) this.#forbidden(path);
      else if (!isGone(error)) throw error;
      return undefined;
    }
    if (parent !== undefined) {
      parent.children ??= new Map();
      parent.children.set(name, directory);
    }
    return directory;
  }

  #heard(directory: Directory, entry: string | undefined, renamed: boolean): void {
    if (!this.#options.heard(directory, entry, renamed)) return;
    const waiting = this.#renamed.get(directory) ?? { names: new Set(), listed: false };
    this.#renamed.set(directory, waiting);
    const isChild = entry !== undefined && directory.children?.has(entry) === true;
    if (entry === undefined) {
      waiting.listed = true;
      for (const child of directory.children?.keys() ?? []) waiting.names.add(child);
    } else if (isChild || waiting.names.size < MAX_NAMES) waiting.names.add(entry);
    else waiting.listed = true;
    this.#options.stale();
  }

  /** Without the right to search it, git sees nothing of such a directory either, and nothing in it counts. */
  #forbidden(path: string): void {
    try {
      accessSync(toPath(path), constants.X_OK);
      this.#unreadable.add(path);
    } catch {
      this.#unreadable.delete(path);
    }
  }

  /** Nothing at this path or below it is unreadable, as far as is known. */
  #readable(path: string): void {
    for (const each of this.#unreadable) if (isWithin(each, path)) this.#unreadable.delete(each);
  }

  #release(directory: Directory): void {
    directory.watcher?.close();
    directory.watcher = undefined;
    for (const child of directory.children?.values() ?? []) this.#release(child);
    directory.children = undefined;
    this.#renamed.delete(directory);
  }
}
