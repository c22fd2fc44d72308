// Of several pull requests, the one that belongs to the current branch. Pure.

import { isSameRepository, parseFullName, type Repository } from "./remote-url.ts";
import type { Target } from "./target.ts";

/** What is read of a pull request. The bodies of REST's `pulls` lists satisfy it. */
export interface ListedPull {
  readonly number: number;
  /** `open`, or `closed`, merged or not. */
  readonly state: string;
  /** RFC 3339. */
  readonly created_at: string;
  /** `repo` is null when the fork was deleted. */
  readonly head: { readonly sha: string; readonly ref: string; readonly repo: ListedRepository | null };
  readonly base: { readonly repo: ListedRepository };
}

/** What is read of a repository in a pull request. */
export interface ListedRepository {
  readonly full_name: string;
  readonly default_branch: string;
}

/** What the local repository says of the commits of pull requests. */
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
  /** Full hash of a commit whose ancestry decides: to be chosen again when it is known. */
  readonly ask?: string;
  /**
   * Likelier ones, closed or of a deleted fork, of which it cannot be told whether they belong to the branch: they were not
   * chosen. Where there are any and no `pull`, it is not known that there is no pull request.
   */
  readonly undecided: readonly Pull[];
}

/** Of a name that was used again more often than this, what is older does not count: git is not asked without end. */
const MAX_ASKED = 20;

/**
 * Chooses the pull request: an open one before a closed one, then by the order of the target's bases, then the newest. A closed one counts
 * while its head is in the history of HEAD, and never on the default branch; one of a deleted fork only while its head is.
 *
 * @param listed - What the bases list for the head's owner and branch, in any order; or the one pull request of a lookup by number.
 */
export function choose<Pull extends ListedPull>(
  listed: readonly Pull[],
  target: Target,
  history: LocalHistory,
): Choice<Pull> {
  if (target.head.kind === "number") {
    const { number } = target.head;
    const pull = listed.find((each) => each.number === number);
    return { ...(pull !== undefined && { pull }), count: pull === undefined ? 0 : 1, undecided: [] };
  }
  const own = listed.filter((pull) => isOfHead(pull, target)).toSorted(byLikelihood(target));
  const undecided: Pull[] = [];
  let asked = 0;
  for (const pull of own) {
    if (pull.state === "open" && pull.head.repo !== null) return { pull, count: own.length, undecided };
    if (pull.state !== "open" && isFromDefaultBranch(pull)) continue;
    if (asked >= MAX_ASKED) break;
    asked += 1;
    const { sha } = pull.head;
    const ancestry = sha === history.head ? "ancestor" : history.ancestry(sha);
    if (ancestry === undefined) return { ask: sha, count: own.length, undecided };
    if (ancestry === "ancestor") return { pull, count: own.length, undecided };
    if (ancestry === "unknown") undecided.push(pull);
  }
  return { count: own.length, undecided };
}

/** All forks of one owner are listed together. One that was deleted has no name to compare: its commits are to tell. */
function isOfHead({ head }: ListedPull, target: Target): boolean {
  if (target.head.kind !== "branch" || head.ref !== target.head.branch) return false;
  return head.repo === null || isCalled(head.repo, target.head.repository);
}

/** Whose closed pull requests are past, whatever the branch is at: it lives on after each of them. */
function isFromDefaultBranch({ head }: ListedPull): boolean {
  return head.repo?.default_branch === head.ref;
}

function byLikelihood({ bases }: Target): (a: ListedPull, b: ListedPull) => number {
  const baseOf = ({ base }: ListedPull) => bases.findIndex((repository) => isCalled(base.repo, repository));
  return (a, b) =>
    Number(b.state === "open") - Number(a.state === "open") ||
    baseOf(a) - baseOf(b) ||
    Date.parse(b.created_at) - Date.parse(a.created_at) ||
    b.number - a.number;
}

function isCalled({ full_name }: ListedRepository, repository: Repository): boolean {
  const called = parseFullName(full_name, repository);
  return called !== undefined && isSameRepository(called, repository);
}
