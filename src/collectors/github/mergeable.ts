// Whether a pull request merges without conflicts, which GitHub computes when it is asked. Pure.

import { PullRequestMergeable } from "../../gen/fleet/metadata/v1/github_pb.ts";

/** What is known of it. */
export interface Mergeability {
  readonly value: PullRequestMergeable;
  /** How often in a row GitHub has said that it is still computing. */
  readonly unknownTimes: number;
}

/** So often it is asked again soon; what is not computed by then is unknown. */
const MOST_UNKNOWN_TIMES = 6;

/**
 * With GitHub's latest answer.
 *
 * @param before - Of the same pull request. Undefined when there is none.
 * @param answer - True or false; anything else means that GitHub is still computing.
 * @param isOpen - Only for an open one it is ever computed.
 */
export function nextMergeability(
  before: Mergeability | undefined,
  answer: unknown,
  isOpen: boolean,
): Mergeability {
  if (answer === true) return { value: PullRequestMergeable.MERGEABLE, unknownTimes: 0 };
  if (answer === false) return { value: PullRequestMergeable.CONFLICTING, unknownTimes: 0 };
  const unknownTimes = Math.min((before?.unknownTimes ?? 0) + 1, MOST_UNKNOWN_TIMES);
  const isKept = isOpen && before !== undefined && unknownTimes < MOST_UNKNOWN_TIMES;
  return { value: isKept ? before.value : PullRequestMergeable.UNKNOWN, unknownTimes };
}

/** Whether it is worth asking again soon. */
export function isBeingComputed({ unknownTimes }: Mergeability): boolean {
  return unknownTimes > 0 && unknownTimes < MOST_UNKNOWN_TIMES;
}
