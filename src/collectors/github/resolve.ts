// From a checkout to what has to be looked up for it. Pure: nothing is asked here.

import type { Checkout } from "../checkout.ts";
import type { Problem } from "../collector.ts";
import { findBases } from "./base.ts";
import { findHead, type Head } from "./head.ts";
import { fullName, type Repository, type ResolveSettings, repositoryKey } from "./remote-url.ts";

export type { ResolveSettings };

/** The question that a checkout raises. */
export interface Lookup {
  readonly outcome: "lookup";
  /** Equal for equal questions: what is known of one holds for the other. Does not depend on any commit. */
  readonly id: string;
  /** Candidates for the base repository, most likely first: the first one that can be seen counts. */
  readonly bases: readonly [Repository, ...Repository[]];
  /** Whether pull requests of a fork may belong to its parent: not when the user has said which repository is the base. */
  readonly mayBeFork: boolean;
  readonly head: Head;
  /** For a person: `pull requests of octo/app, head me/app:topic`. */
  readonly description: string;
}

/** There is nothing to look up. Reasons: NOT_GITHUB, DETACHED_HEAD, NO_COMMITS. */
export type NoLookup = { readonly outcome: "no_data" } & Problem;

/** What is to be looked up for this checkout. Cheap; never throws, whatever the configuration says. */
export function resolve(checkout: Checkout, settings: ResolveSettings): Lookup | NoLookup {
  const { branch, head: commit, remotes } = checkout;
  const { repositories, mayBeFork } = findBases(remotes, settings);
  const [base, ...others] = repositories;
  if (base === undefined) return nothing("NOT_GITHUB", `No remote of the repository is at ${settings.host}.`);
  if (branch === undefined) return nothing("DETACHED_HEAD", "HEAD is detached: there is no branch.");
  if (commit === undefined) return nothing("NO_COMMITS", `Nothing is committed to ${branch} yet.`);
  const head = findHead(checkout, branch, base, settings);
  switch (head.kind) {
    case "elsewhere":
      return nothing(
        "NOT_GITHUB",
        `${branch} is pushed to ${head.remote}, which is not at ${settings.host}.`,
      );
    case "number":
      return lookup(
        [head.repository],
        false,
        head,
        `pull request ${head.number} of ${fullName(head.repository)}`,
      );
    case "branch": {
      const name = `${fullName(head.repository)}:${head.branch}`;
      return lookup([base, ...others], mayBeFork, head, `pull requests of ${fullName(base)}, head ${name}`);
    }
  }
}

function lookup(bases: Lookup["bases"], mayBeFork: boolean, head: Head, description: string): Lookup {
  const wanted = head.kind === "number" ? head.number : head.branch;
  const id = JSON.stringify([bases.map(repositoryKey), mayBeFork, repositoryKey(head.repository), wanted]);
  return { outcome: "lookup", id, bases, mayBeFork, head, description };
}

function nothing(reason: string, message: string): NoLookup {
  return { outcome: "no_data", reason, message };
}
