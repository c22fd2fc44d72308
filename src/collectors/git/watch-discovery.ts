// Watches the workspace for repositories that appear in it: the directory itself and two levels below.

import type { WatchDirectory } from "./watch-directory.ts";
import { type Directory, DirectoryTree } from "./watch-tree.ts";

/** As deep below the workspace as repositories are looked for. */
const MAX_DEPTH = 2;

export interface DiscoveryWatchOptions {
  readonly workspace: string;
  /** Roots of the repositories that are known: what is below them is theirs. */
  readonly roots: ReadonlySet<string>;
  readonly watchDirectory: WatchDirectory;
  /** Throws when events cannot be had from this directory. */
  readonly check: (path: string) => void;
  readonly changed: () => void;
  readonly stale: () => void;
  readonly failed: (error: unknown) => void;
}

export class DiscoveryWatch {
  readonly #options: DiscoveryWatchOptions;
  readonly #tree: DirectoryTree;

  constructor(options: DiscoveryWatchOptions) {
    this.#options = options;
    this.#tree = new DirectoryTree({
      root: options.workspace,
      watchDirectory: options.watchDirectory,
      heard: (directory, entry, renamed) => renamed && this.#renamed(directory, entry),
      stale: options.stale,
      failed: options.failed,
    });
  }

  get stale(): boolean {
    return this.#tree.stale;
  }

  close(): void {
    this.#tree.close();
  }

  /** Watches what has come and releases what has gone. True: a repository may have appeared before it was watched. */
  async settle(): Promise<boolean> {
    const root = this.#tree.root === undefined ? this.#tree.open() : undefined;
    const fresh = [...(await this.#tree.resolve()), ...(root === undefined ? [] : [root])];
    await this.#tree.walk(fresh, (listing, directory) => {
      if (isGitDirectory(directory)) return [];
      const within = depthOf(directory) < MAX_DEPTH ? listing.subdirectories : [".git"].filter(listing.has);
      const admitted = within.filter((name) => !this.#options.roots.has(`${listing.path}/${name}`));
      for (const name of admitted) this.#options.check(`${listing.path}/${name}`);
      return admitted;
    });
    return fresh.length > 0;
  }

  /** In a repository that is being made, HEAD comes after the directory: each entry may be the one that completes it. */
  #renamed(directory: Directory, entry: string | undefined): boolean {
    if (isGitDirectory(directory)) {
      if (entry?.endsWith(".lock") !== true) this.#options.changed();
      return false;
    }
    if (entry === undefined || entry === ".git" || directory.children?.has(entry) === true)
      this.#options.changed();
    return depthOf(directory) < MAX_DEPTH || entry === ".git";
  }
}

function isGitDirectory(directory: Directory): boolean {
  return directory.name === ".git" && directory.parent !== undefined;
}

function depthOf({ parent }: Directory): number {
  return parent === undefined ? 0 : depthOf(parent) + 1;
}
