// The remote of the current branch, the commits that the branch is compared with, and where it is pushed to: asked anew, or
// remembered while nothing in the git directory has changed.

import type { Config } from "./config.ts";
import type { Git, RunOptions } from "./git.ts";
import { type ComparedRefs, readRefs } from "./refs.ts";
import { chooseRemote, type Remote } from "./remote.ts";
import { expectedRefs, readTracking, type Tracking } from "./tracking.ts";
import type { Conditions } from "./work-tree.ts";

/** What a branch is compared with. */
export interface Compared {
  readonly refs: ComparedRefs;
  readonly remote?: Remote;
  readonly tracking: Tracking;
}

/** Belongs to one collector. */
export class Comparing {
  readonly #git: Git;
  #last: { readonly key: string; readonly compared: Compared } | undefined;

  constructor(git: Git) {
    this.#git = git;
  }

  /**
   * @param branch - Short name, absent when there is none.
   * @param isQuiet - Whether events tell of all changes in the git directory, and told of none since this was last asked.
   * @throws {CollectError}
   */
  async read(
    config: Config,
    branch: string | undefined,
    { root, stamp, config: configText }: Conditions,
    isQuiet: boolean,
    call: RunOptions,
  ): Promise<Compared> {
    const key = JSON.stringify([root, stamp, configText, branch]);
    if (isQuiet && this.#last?.key === key) return this.#last.compared;
    this.#last = undefined;
    const remote = chooseRemote(config, branch);
    const expected = expectedRefs(config, branch);
    const refs = await readRefs(this.#git, { branch, remote: remote?.name, expected }, call);
    const tracking = readTracking(config, branch, refs);
    const compared = { refs, tracking, ...(remote !== undefined && { remote }) };
    this.#last = { key, compared };
    return compared;
  }
}
