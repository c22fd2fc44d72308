// What has been read once and cannot have changed: commits, and how two of them lie to each other.

import { readAncestry } from "./ancestry.ts";
import { type Commit, readCommit } from "./commit.ts";
import { type Divergence, readDivergence } from "./divergence.ts";
import type { Git, RunOptions } from "./git.ts";

/** Enough for a primary repository that alternates between a few branches. */
const CAPACITY = 64;

/** Remembers by hash. Belongs to one collector. */
export class Memory {
  readonly #git: Git;
  readonly #commits = new Map<string, Commit>();
  readonly #divergences = new Map<string, Divergence>();
  readonly #ancestries = new Map<string, boolean | undefined>();

  constructor(git: Git) {
    this.#git = git;
  }

  /** The commit of this full hash. @throws {CollectError} */
  async commit(oid: string, options: RunOptions): Promise<Commit> {
    const known = this.#commits.get(oid);
    if (known !== undefined) return known;
    const commit = await readCommit(this.#git, oid, options);
    remember(this.#commits, oid, commit);
    return commit;
  }

  /**
   * The distance between two full hashes, absent when it cannot be counted.
   *
   * @param history - Identity of where the history is cut off: a fetch may deepen a shallow clone.
   */
  async divergence(
    ours: string,
    theirs: string,
    history: string,
    options: RunOptions,
  ): Promise<Divergence | undefined> {
    const key = `${ours} ${theirs} ${history}`;
    const known = this.#divergences.get(key);
    if (known !== undefined) return known;
    const divergence = await readDivergence(this.#git, ours, theirs, options);
    if (divergence !== undefined) remember(this.#divergences, key, divergence);
    return divergence;
  }

  /**
   * Whether `oid` is `head` or an ancestor of it, both full hashes. Undefined when that cannot be told.
   *
   * @param history - As above.
   * @param isCutOff - Whether the history is cut off anywhere: a commit that is not found may then be an ancestor all the same.
   * @throws {CollectError}
   */
  async ancestry(
    oid: string,
    head: string,
    history: string,
    isCutOff: boolean,
    options: RunOptions,
  ): Promise<boolean | undefined> {
    const key = `${oid} ${head} ${history}`;
    if (this.#ancestries.has(key)) return this.#ancestries.get(key);
    const isAncestor = await readAncestry(this.#git, oid, head, options);
    const answer = isCutOff && !isAncestor ? undefined : isAncestor;
    remember(this.#ancestries, key, answer);
    return answer;
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  const oldest = map.keys().next().value;
  if (map.size >= CAPACITY && oldest !== undefined) map.delete(oldest);
  map.set(key, value);
}
