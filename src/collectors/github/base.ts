// Which repositories pull requests may have been opened in. Pure.

import type { CheckoutRemote } from "../checkout.ts";
import {
  parseFullName,
  parseRemoteUrl,
  type Repository,
  type ResolveSettings,
  repositoryKey,
} from "./remote-url.ts";

/** The candidates for the base repository. */
export interface Bases {
  /** Most likely first, each once, 5 at most. Empty when no remote is at the GitHub server. */
  readonly repositories: readonly Repository[];
  /** Whether the parent may be meant when it is a fork: not where the user has said which repository is the base. */
  readonly mayBeFork: boolean;
}

/** As gh sorts them, and whatever their case; the others follow in the order of the configuration. */
const NAMES = ["upstream", "github", "origin"];

/**
 * As many as gh looks at: each of those that cannot be seen costs a request, and whoever can write the configuration could name any
 * number.
 */
const MOST_BASES = 5;

/** What `gh repo set-default` has noted down, or else the remotes in gh's order. */
export function findBases(remotes: readonly CheckoutRemote[], settings: ResolveSettings): Bases {
  const atServer = sortRemotes(remotes).flatMap((remote) => {
    const repository = fetchRepository(remote, settings);
    return repository === undefined ? [] : [{ remote, repository }];
  });
  for (const { remote, repository } of atServer) {
    const { ghResolved } = remote;
    const resolved = ghResolved === "base" ? repository : ghResolved && parseFullName(ghResolved, settings);
    if (resolved) return { repositories: [resolved], mayBeFork: false };
  }
  const repositories = new Map<string, Repository>();
  for (const { repository } of atServer) {
    const key = repositoryKey(repository);
    if (!repositories.has(key)) repositories.set(key, repository);
  }
  return {
    repositories: [...repositories.values()].slice(0, MOST_BASES),
    mayBeFork: atServer[0]?.remote.name.toLowerCase() !== NAMES[0],
  };
}

/** In the order in which they are likely to be the base. */
export function sortRemotes(remotes: readonly CheckoutRemote[]): CheckoutRemote[] {
  const rank = ({ name }: CheckoutRemote) => {
    const index = NAMES.indexOf(name.toLowerCase());
    return index < 0 ? NAMES.length : index;
  };
  return remotes.toSorted((a, b) => rank(a) - rank(b));
}

/** The repository that a remote is fetched from, or pushed to where it is fetched from elsewhere. */
export function fetchRepository(
  { url, pushUrl }: CheckoutRemote,
  settings: ResolveSettings,
): Repository | undefined {
  return firstRepository([url, pushUrl], settings);
}

/** The repository that a remote is pushed to, or fetched from where it is pushed to elsewhere. */
export function pushRepository(
  { url, pushUrl }: CheckoutRemote,
  settings: ResolveSettings,
): Repository | undefined {
  return firstRepository([pushUrl, url], settings);
}

function firstRepository(
  urls: readonly (string | undefined)[],
  settings: ResolveSettings,
): Repository | undefined {
  for (const url of urls) {
    const repository = url === undefined ? undefined : parseRemoteUrl(url, settings);
    if (repository !== undefined) return repository;
  }
  return undefined;
}
