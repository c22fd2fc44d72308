// Watches one work tree: every directory whose files git status looks at, and no other.

import { constants, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { isWithin } from "./files.ts";
import type { Git } from "./git.ts";
import { gitFileTarget } from "./git-file.ts";
import { join, toPath, type WatchDirectory } from "./watch-directory.ts";
import { findIgnored, findTracked, MAX_PATHS, type Question } from "./watch-ignored.ts";
import { type Directory, DirectoryTree, type Listing } from "./watch-tree.ts";
import { GIT_DIRECTORY } from "./work-tree.ts";

/** Entries of a git directory without which git does not take it for one. */
const GIT_DIRECTORY_ENTRIES: readonly string[] = ["HEAD", "objects", "refs", "commondir"];

/** As in git. */
const MAX_GIT_FILE_BYTES = 2 ** 20;

const READ_AT_ONCE = constants.O_RDONLY | constants.O_NONBLOCK;

export interface WorkTreeWatchOptions {
  readonly git: Git;
  readonly root: string;
  readonly signal: AbortSignal;
  readonly watchDirectory: WatchDirectory;
  /** Throws when events cannot be had from this directory. */
  readonly check: (path: string) => void;
  /** With the path, relative to the root, of the one file or directory that may have changed. Absent: any may have. */
  readonly changed: (path?: string) => void;
  /** There is something to {@link WorkTreeWatch.settle}. */
  readonly stale: () => void;
  readonly failed: (error: unknown) => void;
}

export class WorkTreeWatch {
  readonly #options: WorkTreeWatchOptions;
  readonly #question: Question;
  readonly #tree: DirectoryTree;
  /** Nested repositories: their files are not this repository's. */
  readonly #nested = new Set<Directory>();
  /** Where nested repositories were found. */
  readonly #nestedRoots = new Set<string>();
  /** Ignored directories, while they are few. */
  readonly #ignored = new Set<string>();
  #rulesStale = true;
  #indexStale = false;

  constructor(options: WorkTreeWatchOptions) {
    this.#options = options;
    this.#question = { git: options.git, root: options.root, signal: options.signal };
    this.#tree = new DirectoryTree({
      root: options.root,
      watchDirectory: options.watchDirectory,
      heard: (directory, entry, renamed) => this.#heard(directory, entry, renamed),
      stale: options.stale,
      failed: options.failed,
    });
  }

  get stale(): boolean {
    return this.#rulesStale || this.#indexStale || this.#tree.stale;
  }

  /** Roots of all nested repositories that were found, be they submodules or not; some may have gone again. */
  get nestedRoots(): ReadonlySet<string> {
    return this.#nestedRoots;
  }

  get unreadable(): string | undefined {
    return this.#tree.unreadable;
  }

  /** What is ignored may have changed. */
  rulesChanged(): void {
    this.#rulesStale = true;
    this.#options.changed();
    this.#options.stale();
  }

  /** What is tracked may have changed. */
  indexChanged(): void {
    this.#indexStale = true;
    this.#options.changed(GIT_DIRECTORY);
    this.#options.stale();
  }

  /** Lets go of all directories, and begins anew with the next {@link settle}. */
  close(): void {
    this.#tree.close();
    this.#nested.clear();
    this.#nestedRoots.clear();
    this.#rulesStale = true;
  }

  /** Watches what has come and releases what has gone. True: something may have changed before it was watched. */
  async settle(): Promise<boolean> {
    const root = this.#tree.root ?? this.#tree.open();
    const fresh = await this.#tree.resolve();
    for (const directory of this.#nested) if (directory.watcher === undefined) this.#nested.delete(directory);
    const askIndex = this.#indexStale && !this.#rulesStale;
    this.#indexStale = false;
    if (askIndex && (await this.#tracksUnwatched())) this.#rulesStale = true;
    if (this.#rulesStale) {
      this.#rulesStale = false;
      this.#ignored.clear();
      // Without a root there is nothing to ask, and the paths above tell when there is one again.
      if (root !== undefined) await this.#walk([root], await this.#findIgnored());
      return true;
    }
    if (fresh.length === 0) return false;
    const ignored = await this.#findIgnored(fresh.map((directory) => this.#tree.pathOf(directory)));
    for (const directory of fresh) if (ignored.has(this.#tree.pathOf(directory))) this.#tree.leave(directory);
    await this.#walk(fresh, ignored);
    return true;
  }

  #heard(directory: Directory, entry: string | undefined, renamed: boolean): boolean {
    if (entry === ".git" && directory.parent === undefined) return false;
    if (directory.name === ".git") {
      // Whether the directory above is a repository of its own is told by its listing.
      if (renamed && (entry === undefined || GIT_DIRECTORY_ENTRIES.includes(entry))) this.rulesChanged();
      return false;
    }
    if (this.#nested.has(directory) && entry !== undefined && entry !== ".git") return false;
    if (entry === ".gitignore" || (entry === ".git" && renamed)) this.rulesChanged();
    else if (entry === undefined) this.#options.changed();
    else
      this.#options.changed(join(this.#tree.pathOf(directory), entry).slice(this.#options.root.length + 1));
    return renamed;
  }

  async #findIgnored(paths?: readonly string[]): Promise<ReadonlySet<string>> {
    const ignored = await findIgnored(this.#question, paths);
    for (const path of ignored) if (this.#ignored.size <= MAX_PATHS) this.#ignored.add(path);
    return ignored;
  }

  /** Whether a file is tracked in a directory that was released because it is ignored. */
  async #tracksUnwatched(): Promise<boolean> {
    if (this.#ignored.size === 0) return false;
    const few = this.#ignored.size <= MAX_PATHS ? this.#ignored : undefined;
    for (const path of await findTracked(this.#question, few)) {
      if (this.#tree.find(path) === undefined && statOf(path)?.isDirectory() === true) return true;
    }
    return false;
  }

  async #walk(from: readonly Directory[], ignored: ReadonlySet<string>): Promise<void> {
    const nested = new Set<string>();
    await this.#tree.walk(from, (listing, directory) => {
      this.#nested.delete(directory);
      if (directory.name === ".git" && directory.parent !== undefined) return [];
      const isNested = directory.parent !== undefined && listing.has(".git");
      if (isNested && isRepository(join(listing.path, ".git"))) {
        this.#nested.add(directory);
        nested.add(listing.path);
        this.#nestedRoots.add(listing.path);
        return listing.subdirectories.filter((name) => name === ".git");
      }
      return this.#admitted(listing, ignored, isNested);
    });
    if (nested.size > 0) await this.#enterTracked(nested);
  }

  #admitted(listing: Listing, ignored: ReadonlySet<string>, withGit: boolean): string[] {
    return listing.subdirectories.filter((name) => {
      if (name === ".git") return withGit;
      const path = join(listing.path, name);
      if (ignored.has(path)) return false;
      this.#options.check(path);
      return true;
    });
  }

  /** Of nested repositories, the directories in which this repository tracks files all the same. */
  async #enterTracked(nested: ReadonlySet<string>): Promise<void> {
    for (const path of await findTracked(this.#question, nested)) {
      let at = this.#tree.root;
      for (const name of path.slice(this.#options.root.length + 1).split("/")) {
        if (at === undefined) break;
        if (isWithinAny(this.#tree.pathOf(at), nested)) this.#nested.delete(at);
        at = this.#tree.enter(at, name);
      }
      if (at !== undefined) this.#nested.delete(at);
    }
  }
}

function isWithinAny(path: string, directories: ReadonlySet<string>): boolean {
  return [...directories].some((directory) => isWithin(path, directory));
}

/** Whether git takes this `.git` for a repository's, and the directory around it for a repository of its own. */
function isRepository(dotGit: string): boolean {
  if (statOf(dotGit)?.isDirectory() === true) return isGitDirectory(dotGit);
  const target = readGitFile(dotGit);
  return target !== undefined && isGitDirectory(target);
}

function isGitDirectory(path: string): boolean {
  const has = (name: string) => statOf(join(path, name)) !== undefined;
  return has("HEAD") && (has("commondir") || (has("objects") && has("refs")));
}

function readGitFile(path: string): string | undefined {
  const stats = statOf(path);
  if (stats?.isFile() !== true || stats.size > MAX_GIT_FILE_BYTES) return undefined;
  try {
    // Should it have become a pipe meanwhile, this does not wait for a writer.
    const text = readFileSync(toPath(path), { encoding: "latin1", flag: READ_AT_ONCE });
    const target = gitFileTarget(text);
    return target === undefined ? undefined : resolve(path, "..", target);
  } catch {
    return undefined;
  }
}

function statOf(path: string) {
  try {
    return statSync(toPath(path), { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
