// A checkout of a branch of a repository at GitHub, as the git source hands it on.

import type { Checkout } from "../../src/collectors/checkout.ts";
import { sha } from "./github.ts";

/** What a test says of a checkout. */
export interface CheckoutOptions extends Partial<Checkout> {
  /** `owner/name` of the remote `origin`. Default `octo/app`. */
  readonly origin?: string;
  /** Hashes of commits in the history of HEAD. Undefined: the history is cut off. Default: none. */
  readonly ancestors?: readonly string[] | undefined;
}

/** By default the branch `topic`, which was pushed to `octo/app`. */
export function checkoutOf(options: CheckoutOptions = {}): Checkout {
  const { origin = "octo/app", branch = "topic", head = sha(branch), ...rest } = options;
  const { ancestors = "ancestors" in options ? undefined : [], ...given } = rest;
  return {
    repository: "/workspace/app/.git",
    branch,
    head,
    remotes: [{ name: "origin", url: `https://github.com/${origin}.git` }],
    branchConfig: { remote: "origin", merge: `refs/heads/${branch}` },
    push: { remote: "origin", ref: `refs/heads/${branch}`, oid: head },
    upstreamOid: head,
    defaultBranch: "main",
    isAncestor: async (oid) => (ancestors === undefined ? undefined : ancestors.includes(oid)),
    ...given,
  };
}
