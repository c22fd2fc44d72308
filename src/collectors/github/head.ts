// Which branch of which repository the current branch is the head of a pull request as. Pure.

import type { Checkout, CheckoutRemote } from "../checkout.ts";
import { fetchRepository, pushRepository, sortRemotes } from "./base.ts";
import { parseRemoteUrl, type Repository, type ResolveSettings } from "./remote-url.ts";

/** What a pull request is looked up by. */
export type Head =
  | { readonly kind: "branch"; readonly repository: Repository; readonly branch: string }
  /** The branch was checked out from `refs/pull/<number>/head` of this repository, which is the base then. */
  | { readonly kind: "number"; readonly repository: Repository; readonly number: number };

/** The remote that the branch is pushed to is not at the GitHub server. */
interface Elsewhere {
  readonly kind: "elsewhere";
  /** Name of the remote, or its address. */
  readonly remote: string;
}

/** Where a branch is pushed to. */
interface Destination {
  /** Name of the remote, or its address. */
  readonly remote: string;
  readonly branch: string;
}

const HEADS = "refs/heads/";

/**
 * The head of the current branch.
 *
 * @param branch - Short name of the current branch.
 * @param base - The most likely base repository: the head is there too where nothing tells of another one.
 */
export function findHead(
  checkout: Checkout,
  branch: string,
  base: Repository,
  settings: ResolveSettings,
): Head | Elsewhere {
  const { remotes, branchConfig } = checkout;
  const number = pullNumber(branchConfig.merge);
  if (number !== undefined) {
    const repository = repositoryOf(branchConfig.remote, remotes, settings, fetchRepository) ?? base;
    return { kind: "number", repository, number };
  }
  const isAtServer = (remote: CheckoutRemote) => pushRepository(remote, settings) !== undefined;
  const destination = findDestination(checkout, branch, remotes.filter(isAtServer));
  if (destination === undefined) return { kind: "branch", repository: base, branch };
  const repository = repositoryOf(destination.remote, remotes, settings, pushRepository);
  if (repository === undefined) return { kind: "elsewhere", remote: destination.remote };
  return { kind: "branch", repository, branch: destination.branch };
}

/** As `gh pr checkout` notes it down where the fork's branch cannot be pushed to. */
function pullNumber(merge: string | undefined): number | undefined {
  const digits = /^refs\/pull\/([1-9]\d{0,9})\/head$/.exec(merge ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Where the branch was pushed to, or would be. What git says counts while there is something to see of it; after that, what is
 * configured for pushes; then where this clone has seen a branch of the same name; then where the branch is fetched from.
 *
 * @param candidates - Remotes that may be guessed at: those at the GitHub server.
 */
function findDestination(
  checkout: Checkout,
  branch: string,
  candidates: readonly CheckoutRemote[],
): Destination | undefined {
  const { push, branchConfig, remotePushDefault } = checkout;
  const told = push && { remote: push.remote, branch: push.ref.slice(HEADS.length) };
  if (push?.oid !== undefined) return told;
  const configured = branchConfig.pushRemote ?? remotePushDefault;
  if (configured !== undefined && configured !== ".") {
    return told ?? { remote: configured, branch: nameAt(configured, checkout, branch) };
  }
  return seenElsewhere(checkout, branch, candidates) ?? told ?? followed(checkout, branch, candidates);
}

/**
 * A branch that was made from another one, such as `upstream/main`, follows that one and is not pushed there, but by name:
 * `git push origin topic`. Then a tracking ref tells.
 */
function seenElsewhere(
  checkout: Checkout,
  branch: string,
  candidates: readonly CheckoutRemote[],
): Destination | undefined {
  const { remote, merge } = checkout.branchConfig;
  if (followsUpstream(checkout) || (merge === HEADS + branch && remote !== ".")) return undefined;
  const seen = checkout.counterparts?.map((counterpart) => counterpart.remote) ?? [];
  // The base repository last: what is a branch there and elsewhere was pushed elsewhere.
  const guesses = sortRemotes(candidates.filter(({ name }) => seen.includes(name))).map(({ name }) => name);
  const own = seen.find((name) => name === remote);
  const found = own ?? guesses.find((name) => name === "origin") ?? guesses.at(-1);
  return found === undefined ? undefined : { remote: found, branch };
}

/** Where git pushes to when nothing is configured for that: where the branch is fetched from, else to `origin`, or to the only remote. */
function followed(
  checkout: Checkout,
  branch: string,
  candidates: readonly CheckoutRemote[],
): Destination | undefined {
  const own = checkout.branchConfig.remote;
  const only = candidates.length === 1 ? candidates[0]?.name : undefined;
  const guess = candidates.find(({ name }) => name === "origin")?.name ?? only;
  const remote = own === undefined || own === "." ? guess : own;
  return remote === undefined ? undefined : { remote, branch: nameAt(remote, checkout, branch) };
}

/** What the branch is called in the remote, as `push.default` has it. */
function nameAt(remote: string, checkout: Checkout, branch: string): string {
  const { remote: own, merge } = checkout.branchConfig;
  if (!followsUpstream(checkout) || remote !== own || !merge?.startsWith(HEADS)) return branch;
  return merge.slice(HEADS.length);
}

/** Whether the branch is pushed to the one that it follows. `tracking` is the older word for it. */
function followsUpstream({ pushDefault }: Checkout): boolean {
  return pushDefault === "upstream" || pushDefault === "tracking";
}

/** @param remote - Name of a remote, or an address. */
function repositoryOf(
  remote: string | undefined,
  remotes: readonly CheckoutRemote[],
  settings: ResolveSettings,
  ofRemote: typeof pushRepository,
): Repository | undefined {
  if (remote === undefined) return undefined;
  const named = remotes.find(({ name }) => name === remote);
  return named === undefined ? parseRemoteUrl(remote, settings) : ofRemote(named, settings);
}
