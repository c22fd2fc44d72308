// From what has to be looked up to the very repositories at GitHub, which may have been renamed, transferred or forked. Pure: it says
// which repository to ask for, and is asked again with the answer.

import type { Head } from "./head.ts";
import { isSameRepository, parseFullName, type Repository } from "./remote-url.ts";
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
   * One repository, or the parent of a fork and the fork: the second is asked only while the first has no open pull request of this
   * head, and what both list is put together.
   */
  readonly bases: readonly [Repository, ...Repository[]];
  /** Likelier candidates that the token cannot see: where there are any, it is not known that there is no pull request. */
  readonly unseen: readonly Repository[];
  readonly head: Head;
}

/** What to do next on the way to the target. */
export type Step =
  | { readonly step: "ask"; readonly repository: Repository }
  /** The token can see none of the candidates. */
  | { readonly step: "none_visible" }
  | Target;

/** What was answered for a repository. Undefined: it was not asked for yet. `not_visible`: 404. */
export type AnswerFor = (repository: Repository) => RepositoryAnswer | "not_visible" | undefined;

/** The next step. A lookup by number needs no answers. */
export function nextStep(lookup: Lookup, answerFor: AnswerFor): Step {
  const { bases, head, mayBeFork } = lookup;
  if (head.kind === "number") return { step: "target", bases: [head.repository], unseen: [], head };
  const unseen: Repository[] = [];
  for (const candidate of bases) {
    const answer = answerFor(candidate);
    if (answer === undefined) return { step: "ask", repository: candidate };
    if (answer === "not_visible") {
      unseen.push(candidate);
      continue;
    }
    const base = renamed(candidate, answer);
    const parent = mayBeFork && answer.fork ? parentOf(candidate, answer) : undefined;
    const headAnswer = isSameRepository(head.repository, candidate) ? answer : answerFor(head.repository);
    if (headAnswer === undefined) return { step: "ask", repository: head.repository };
    // What cannot be seen may still have an open pull request: it keeps the name that it has here.
    const repository = headAnswer === "not_visible" ? head.repository : renamed(head.repository, headAnswer);
    return {
      step: "target",
      bases: parent === undefined ? [base] : [parent, base],
      unseen,
      head: { ...head, repository },
    };
  }
  return { step: "none_visible" };
}

function renamed(repository: Repository, { full_name }: RepositoryAnswer): Repository {
  return parseFullName(full_name, repository) ?? repository;
}

function parentOf(repository: Repository, { parent }: RepositoryAnswer): Repository | undefined {
  return parent === undefined ? undefined : parseFullName(parent.full_name, repository);
}
