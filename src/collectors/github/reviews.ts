// From the reviews of a pull request to one word. Pure.

import { ReviewStatus } from "../../gen/fleet/metadata/v1/github_pb.ts";
import type { Pull, Review } from "./bodies.ts";

/** What takes the place of the same reviewer's earlier verdict. */
const MEANINGFUL: ReadonlySet<string> = new Set(["APPROVED", "CHANGES_REQUESTED", "DISMISSED"]);

/** The verdict of all reviewers: of each the last one that says something. Reviews by the author or by deleted accounts do not count. */
export function reviewStatus(
  reviews: readonly Review[],
  pull: Pick<Pull, "user" | "requested_reviewers" | "requested_teams">,
): ReviewStatus {
  const verdicts = new Map<number, string>();
  const inOrder = reviews.toSorted((a, b) => submittedMs(a) - submittedMs(b));
  for (const { user, state } of inOrder) {
    if (user !== null && user.id !== pull.user?.id && MEANINGFUL.has(state)) verdicts.set(user.id, state);
  }
  const said = new Set(verdicts.values());
  if (said.has("CHANGES_REQUESTED")) return ReviewStatus.CHANGES_REQUESTED;
  if (said.has("APPROVED")) return ReviewStatus.APPROVED;
  const requested = (pull.requested_reviewers?.length ?? 0) + (pull.requested_teams?.length ?? 0);
  return requested > 0 ? ReviewStatus.REVIEW_REQUIRED : ReviewStatus.NONE;
}

/** GitHub lists them in this order already: those without a time stay where they are. */
function submittedMs({ submitted_at }: Review): number {
  const ms = Date.parse(submitted_at ?? "");
  return Number.isNaN(ms) ? 0 : ms;
}
