// What a remote source is about, as far as the local repository tells.

import type { Checkout } from "../collectors/checkout.ts";

/**
 * Equal for checkouts that differ in commits alone: of those, what failed for one has failed for the other. Never equal for
 * two branches, repositories or sets of remotes.
 */
export function subjectOf(checkout: Checkout): string {
  const { repository, branch, remotes, branchConfig, remotePushDefault, pushDefault, push } = checkout;
  return JSON.stringify([
    repository,
    branch,
    remotes,
    branchConfig,
    remotePushDefault,
    pushDefault,
    push?.remote,
    push?.ref,
  ]);
}
