// Of several pull requests, the one that belongs to the current branch. Pure.

import type { Target } from "./target.ts";

/** What is read of a pull request. The bodies of REST's `pulls` lists satisfy it. */
export interface ListedPull {
  readonly number: number;
  /** `open`, or `closed`, merged or not. */
  readonly state: string;
  /** RFC 3339. */
  readonly created_at: string;
  readonly head: { readonly sha: string; readonly ref: string; readonly repo: ListedRepository | null };
  readonly base: { readonly repo: ListedRepository };
}

export interface ListedRepository {
  readonly full_name: string;
  readonly default_branch: string;
}

/** What the local repository says of the commits of closed pull requests. */
export interface LocalHistory {
  /** Full hash of HEAD. */
  readonly head: string;
  /** Whether a commit is an ancestor of HEAD, as far as that was found out; `unknown` when it cannot be. Undefined: not asked yet. */
  ancestry(oid: string): "ancestor" | "foreign" | "unknown" | undefined;
}

/** What was chosen. */
export interface Choice<Pull extends ListedPull> {
  /** Absent when none belongs to the branch, or when that is not known yet. */
  readonly pull?: Pull;
  /** Pull requests of this head, in any state. */
  readonly count: number;
  /** Full hash of a commit whose ancestry decides: choose again when it is known. */
  readonly ask?: string;
  /** Closed ones, newest first, of which it cannot be told whether they belong to the branch: they were not chosen. */
  readonly undecided: readonly Pull[];
}

/**
 * Chooses the pull request: an open one before a closed one, then by the order of the target's bases, then the newest.
 *
 * @param listed - What the bases list for the head's owner and branch, in any order; or the one pull request of a lookup by number.
 */
export declare function choose<Pull extends ListedPull>(
  listed: readonly Pull[],
  target: Target,
  history: LocalHistory,
): Choice<Pull>;
