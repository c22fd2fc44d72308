// Connects the watch to the collector: which repositories are followed is known only after they were found.

import { lstatSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { WatchListener } from "../collector.ts";
import type { Git } from "./git.ts";
import type { RepositoryLocation } from "./location.ts";
import { type RepositoryWatch, watchRepositories } from "./watch.ts";
import type { WatchDirectory } from "./watch-directory.ts";
import { MAX_TOUCHED } from "./work-tree.ts";

/** What of the collector's options concerns following. */
interface FollowingOptions {
  readonly git: Git;
  readonly workspace: string;
  readonly xdgConfigHome?: string;
  readonly gitDeadlineMs?: number;
  /** Default: `fs.watch`. */
  readonly watchDirectory?: WatchDirectory;
}

/** Follows the repositories of one workspace by events, from when it is told to begin. */
export class Following {
  readonly #options: FollowingOptions;
  #begin:
    | ((locations: readonly RepositoryLocation[], headsOf: readonly RepositoryLocation[]) => void)
    | undefined;
  #watch: RepositoryWatch | undefined;
  #complete = false;
  /** What was touched since the last reading. Absent: it may have been anything. */
  #touched: Set<string> | undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** From the next call of {@link follow} on, the listener hears of changes, until `signal` is aborted. */
  begin(listener: WatchListener, signal: AbortSignal): void {
    const { git, workspace, xdgConfigHome, gitDeadlineMs, watchDirectory } = this.#options;
    this.#begin = (locations, headsOf) => {
      this.#watch = watchRepositories({
        git,
        workspace: realPath(workspace),
        links: linksOnTheWay(workspace),
        locations,
        headsOf,
        signal,
        touched: (path) => this.#touch(path),
        listener: {
          changed: () => listener.changed(),
          coverage: (state) => {
            this.#complete = state === "complete";
            listener.coverage(state);
          },
        },
        ...(xdgConfigHome === undefined ? {} : { xdgConfigHome }),
        ...(gitDeadlineMs === undefined ? {} : { gitDeadlineMs }),
        ...(watchDirectory === undefined ? {} : { watchDirectory }),
      });
    };
  }

  /**
   * Paths in the followed work tree that may have changed since this was last asked, relative to its root; `.git` for what git
   * itself keeps (index, HEAD, refs). Absent: any, because events do not tell, or because they tell of nothing and a reading is
   * wanted all the same.
   */
  takeTouched(): readonly string[] | undefined {
    const touched = this.#complete && this.#touched?.size ? [...this.#touched] : undefined;
    this.#touched = new Set();
    return touched;
  }

  /** The reading that took the touched paths has failed: the next one must look at everything. */
  forgetTouched(): void {
    this.#touched = undefined;
  }

  /** Follows these repositories from now on; of those in `headsOf`, commits and checkouts only. */
  follow(locations: readonly RepositoryLocation[], headsOf: readonly RepositoryLocation[]): void {
    if (this.#watch) {
      this.#watch.follow(locations, headsOf);
    } else {
      this.#begin?.(locations, headsOf);
    }
  }

  /**
   * Resolves when everything that events have told of is watched: what is read after that is current until the next event.
   * Where events do not tell of every change, there is nothing to wait for.
   */
  async settled(): Promise<void> {
    if (this.#complete) {
      await this.#watch?.settled();
    }
  }

  #touch(path: string | undefined): void {
    if (path === undefined || (this.#touched?.size ?? MAX_TOUCHED) >= MAX_TOUCHED) {
      this.#touched = undefined;
    } else {
      this.#touched?.add(path);
    }
  }
}

/** The parts of a path that are symbolic links: made to lead elsewhere, they make it another workspace. */
function linksOnTheWay(path: string): string[] {
  const names = resolve(path).split("/").slice(1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`).filter(isLink);
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** A workspace that has vanished is followed under the name that it was given. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
