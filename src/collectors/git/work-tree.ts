// The state of the work tree, read as cheaply as what is known about changes allows: in a repository of 100,000 files, looking at
// one of them takes a tenth of looking at all.

import { CollectError } from "../collector.ts";
import type { Setting } from "./environment.ts";
import type { Git, RunOptions } from "./git.ts";
import { mergeStatus, readStatus, type Status } from "./status.ts";

/** Past this many, looking at all files is as quick. */
export const MAX_TOUCHED = 200;

/** What git never takes for a file of the work tree. */
const NOTHING = ".git";

/** Files that decide about others, at any depth: a change of one may concern every file. */
const DECIDING = /(?:^|\/)(?:\.git|\.gitignore|\.gitattributes|\.gitmodules)(?:\/|$)/;

/** What a state was read under. While it is the same, only touched files can have changed. */
export interface Circumstances {
  readonly root: string;
  /** Of the moment: index, HEAD and the rest of what git writes. */
  readonly stamp: string;
  /** Of the configuration. */
  readonly config: string;
}

/** Remembers the last state. Belongs to one collector. */
export class WorkTree {
  readonly #git: Git;
  #earlier: { readonly status: Status; readonly circumstances: Circumstances } | undefined;

  constructor(git: Git) {
    this.#git = git;
  }

  /**
   * Reads the state.
   *
   * @param touched - Paths of the files and directories that may have changed since the state that was last kept. Absent: all.
   * @throws {CollectError}
   */
  async read(
    circumstances: Circumstances,
    touched: readonly string[] | undefined,
    call: RunOptions & { readonly config: readonly Setting[] },
  ): Promise<Status> {
    const earlier = this.#earlier;
    this.#earlier = undefined;
    if (earlier === undefined || touched === undefined || !isLookEnough(touched))
      return readStatus(this.#git, call);
    if (!sameCircumstances(earlier.circumstances, circumstances)) return readStatus(this.#git, call);
    // Without a path, git would look at all; the branch and the stash are to be looked at in any case.
    const look = await this.#lookAt(touched.length === 0 ? [NOTHING] : touched, call);
    const merged = look === undefined ? undefined : mergeStatus(earlier.status, look, touched);
    return merged ?? (await readStatus(this.#git, call));
  }

  /** Keeps a state that was read under these circumstances, which were the same after the reading. */
  keep(status: Status, circumstances: Circumstances): void {
    this.#earlier = { status, circumstances };
  }

  /** A path inside a submodule or behind a link is an error for git, and nothing to look at one by one. */
  async #lookAt(
    touched: readonly string[],
    call: RunOptions & { readonly config: readonly Setting[] },
  ): Promise<Status | undefined> {
    try {
      return await readStatus(this.#git, call, touched);
    } catch (error) {
      if (error instanceof CollectError) return undefined;
      throw error;
    }
  }
}

function isLookEnough(touched: readonly string[]): boolean {
  const odd = (path: string) => path === "" || path.includes("\uFFFD") || DECIDING.test(path);
  return touched.length <= MAX_TOUCHED && !touched.some(odd);
}

function sameCircumstances(a: Circumstances, b: Circumstances): boolean {
  return a.root === b.root && a.stamp === b.stamp && a.config === b.config;
}
