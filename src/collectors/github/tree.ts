// From what was found out about a pull request to the section `github` of the metadata tree. Pure.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type GitHubSchema,
  type PullRequestMergeable,
  PullRequestStatus,
  type ReviewStatus,
} from "../../gen/fleet/metadata/v1/github_pb.ts";
import type { Pull, PullDetails } from "./bodies.ts";
import { type ChecksTally, checksStatus } from "./checks.ts";

/** Everything that the section is made of: all of it about one pull request and one head. What is absent here is absent there. */
export interface PullState {
  readonly pull: Pull;
  /** Pull requests of the same head. */
  readonly count: number;
  /** Full hash of the local HEAD. */
  readonly localHead: string;
  readonly details?: Pick<PullDetails, "additions" | "deletions" | "changed_files">;
  readonly mergeable?: PullRequestMergeable;
  readonly checks?: ChecksTally;
  readonly review?: ReviewStatus;
}

/** The section `github` of a pull request. */
export function toMetadata(state: PullState): MessageInitShape<typeof GitHubSchema> {
  const { pull, details, mergeable, checks, review } = state;
  const createdAt = toTimestamp(pull.created_at);
  const updatedAt = toTimestamp(pull.updated_at);
  const mergedAt = toTimestamp(pull.merged_at);
  return {
    repo: { name: pull.base.repo.full_name },
    pr: {
      number: pull.number,
      status: statusOf(pull),
      title: pull.title,
      url: pull.html_url,
      draft: pull.draft ?? false,
      ...(pull.user && { author: pull.user.login }),
      baseBranch: pull.base.ref,
      headSha: pull.head.sha,
      headInSync: pull.head.sha === state.localHead,
      ...(checks !== undefined && { checks: checksFields(checks) }),
      ...(review !== undefined && { review: { status: review } }),
      ...(mergeable !== undefined && { mergeable }),
      ...(details !== undefined && {
        additions: details.additions,
        deletions: details.deletions,
        changedFiles: details.changed_files,
      }),
      ...(createdAt && { createdAt }),
      ...(updatedAt && { updatedAt }),
      ...(mergedAt && { mergedAt }),
      count: state.count,
    },
  };
}

function statusOf(pull: Pull): PullRequestStatus {
  if (isOpen(pull)) return PullRequestStatus.OPEN;
  return (pull.merged_at ?? null) === null ? PullRequestStatus.CLOSED : PullRequestStatus.MERGED;
}

/** Neither merged nor closed. */
export function isOpen({ state }: Pull): boolean {
  return state === "open";
}

/** Numbers only where all checks could be read. */
function checksFields(checks: ChecksTally) {
  const { passed, pending, failing, isComplete } = checks;
  return {
    status: checksStatus(checks),
    ...(isComplete && {
      total: passed + pending + failing.length,
      passed,
      failed: failing.length,
      pending,
    }),
    failing: [...failing],
  };
}

/** What is no time, or none that a Timestamp can hold, is absent. */
function toTimestamp(text: string | null | undefined): Timestamp | undefined {
  const ms = Date.parse(text ?? "");
  const isHeld = ms >= Date.parse("0001-01-01T00:00:00Z") && ms <= Date.parse("9999-12-31T23:59:59Z");
  return isHeld ? timestampFromMs(ms) : undefined;
}
