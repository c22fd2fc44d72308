// From what has to be looked up to the very repositories at GitHub, which may have been renamed, transferred or forked. Pure: it says which
// repository to ask for, and is asked again with the answer.

import type { Head } from "./head.ts";
import type { Repository } from "./remote-url.ts";
import type { Lookup } from "./resolve.ts";

/** What is read of the answer to `GET /repos/{owner}/{repo}`, whose body satisfies this. */
export interface RepositoryAnswer {
  /** As it is called today. */
  readonly full_name: string;
  readonly fork: boolean;
  /** What it was forked from. Absent when it is no fork, or when the token cannot see that one. */
  readonly parent?: { readonly full_name: string };
}

/** Where pull requests are to be looked for. */
export interface Target {
  readonly step: "target";
  /**
   * One repository, or the parent of a fork and the fork: the second is asked only while the first has no open pull request of this head,
   * and what both list is put together.
   */
  readonly bases: readonly [Repository, ...Repository[]];
  readonly head: Head;
}

/**
 * The next step on the way to the target. A lookup by number needs no answers.
 *
 * @param answerFor - What GitHub has answered for a repository: undefined when it was not asked yet, `not_visible` for 404 and 403.
 * @returns `none_visible` when the token can see none of the candidates.
 */
export declare function nextStep(
  lookup: Lookup,
  answerFor: (repository: Repository) => RepositoryAnswer | "not_visible" | undefined,
): { readonly step: "ask"; readonly repository: Repository } | { readonly step: "none_visible" } | Target;
