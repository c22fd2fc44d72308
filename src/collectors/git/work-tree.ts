// The state of the work tree, read as cheaply as what is known about changes allows: in a repository of 100,000 files, looking at
// one of them takes a tenth of looking at all.

import { CollectError } from "../collector.ts";
import { concernedPaths } from "./concerned.ts";
import type { Setting } from "./environment.ts";
import type { ContentOptions, Git } from "./git.ts";
import { isPlainIndex } from "./index-file.ts";
import { type Look, lookQuickly } from "./quick-look.ts";
import { mergeStatus, readStatus, type Status } from "./status.ts";

/** Past this many, looking at all files is as quick. */
export const MAX_TOUCHED = 200;

/** What of a command line and its memory git is given for paths. */
const MAX_CHARACTERS = 32 * 1024;

/** Stands among touched paths for what git itself keeps: index, HEAD, refs. git never takes it for a file of the work tree. */
export const GIT_DIRECTORY = ".git";

/** Files that decide about others, at any depth: a change of one may concern every file. */
const DECIDING = /(?:^|\/)(?:\.git|\.gitignore|\.gitattributes|\.gitmodules)(?:\/|$)/;

/** git reads ahead for all files what only a few are asked about. */
const FEW: Setting = ["core.preloadIndex", "false"];

/** What a state was read under. While it is the same, only touched files can have changed. */
export interface Conditions {
  readonly root: string;
  /** Of the moment: index, HEAD and the rest of what git writes. */
  readonly stamp: string;
  /** Of the configuration. */
  readonly config: string;
  /** Path of the index when it is so large that a look at all its files is slow, and one that can be looked into. */
  readonly largeIndex?: string;
}

/** What was seen. */
export interface Seen extends Look {
  /** Not looked at as a whole: true only when nothing changed during the look. */
  readonly isPartial: boolean;
  /** Whether the index is large, and hides nothing. */
  readonly isPlain: boolean;
}

/** Remembers the last state. Belongs to one collector. */
export class WorkTree {
  readonly #git: Git;
  #earlier: { readonly seen: Seen; readonly conditions: Conditions } | undefined;

  constructor(git: Git) {
    this.#git = git;
  }

  /**
   * Reads the state, and the size of the change where that comes along.
   *
   * @param touched - Paths of the files and directories that may have changed since the state that was last kept, and
   * {@link GIT_DIRECTORY}. Absent: all.
   * @throws {CollectError}
   */
  async read(
    conditions: Conditions,
    touched: readonly string[] | undefined,
    call: ContentOptions,
  ): Promise<Seen> {
    const earlier = this.#earlier;
    this.#earlier = undefined;
    const files = touched?.filter((path) => path !== GIT_DIRECTORY);
    if (earlier === undefined || touched === undefined || files === undefined || !isLookEnough(files))
      return await this.#readAll(conditions, call);
    const { root, config, stamp } = earlier.conditions;
    if (root !== conditions.root || config !== conditions.config)
      return await this.#readAll(conditions, call);
    const few = { ...call, config: [...call.config, FEW] };
    const { seen } = earlier;
    const found =
      stamp === conditions.stamp
        ? await this.#afterEdits(seen, files, files.length === touched.length, few)
        : await this.#afterWrites(seen, conditions.largeIndex, files, few);
    return found ?? (await this.#readAll(conditions, call));
  }

  /** Keeps what was seen under these conditions, which were the same after the look. */
  keep(seen: Seen, conditions: Conditions): void {
    this.#earlier = { seen, conditions };
  }

  async #readAll({ largeIndex }: Conditions, call: ContentOptions): Promise<Seen> {
    const [status, isPlain] = await Promise.all([
      readStatus(this.#git, call),
      largeIndex === undefined ? false : isPlainIndex(largeIndex),
    ]);
    return { status, isPlain, isPartial: false };
  }

  /** Index and HEAD are the same. `isQuiet`: so is everything else that git keeps. */
  async #afterEdits(
    seen: Seen,
    files: readonly string[],
    isQuiet: boolean,
    call: ContentOptions,
  ): Promise<Seen | undefined> {
    const { isPlain } = seen;
    if (isPlain && isQuiet && files.length > 0) {
      const look = await lookQuickly(this.#git, seen, files, call);
      if (look !== undefined) return { ...look, isPlain, isPartial: true };
    }
    const look = await this.#lookAt(files, call);
    const status = look === undefined ? undefined : mergeStatus(seen.status, look, files);
    return status === undefined ? undefined : { status, isPlain, isPartial: true };
  }

  /** Index or HEAD were written. */
  async #afterWrites(
    seen: Seen,
    largeIndex: string | undefined,
    files: readonly string[],
    call: ContentOptions,
  ): Promise<Seen | undefined> {
    if (!seen.isPlain || largeIndex === undefined) return undefined;
    const [isPlain, concerned] = await Promise.all([
      isPlainIndex(largeIndex),
      concernedPaths(this.#git, seen.status, files, call),
    ]);
    if (!isPlain || concerned === undefined || !isLookEnough(concerned)) return undefined;
    const status = await this.#lookAt(concerned, call);
    return status && { status, isPlain, isPartial: true };
  }

  /** A path inside a submodule or behind a link is an error for git, and nothing to look at one by one. */
  async #lookAt(paths: readonly string[], call: ContentOptions): Promise<Status | undefined> {
    try {
      // Without a path, git would look at all; the branch and the stash are to be looked at in any case.
      return await readStatus(this.#git, call, paths.length === 0 ? [GIT_DIRECTORY] : paths);
    } catch (error) {
      if (error instanceof CollectError) return undefined;
      throw error;
    }
  }
}

function isLookEnough(paths: readonly string[]): boolean {
  const odd = (path: string) => path === "" || path.includes("\uFFFD") || DECIDING.test(path);
  const characters = paths.reduce((sum, path) => sum + path.length, 0);
  return paths.length <= MAX_TOUCHED && characters <= MAX_CHARACTERS && !paths.some(odd);
}
