// The card of the pull request: what it is, its checks, its review, whether it merges.

import type { SourceStatus } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import {
  ChecksStatus,
  type GitHub,
  type GitHubPullRequest,
  type PullRequestChecks,
  PullRequestMergeable,
  PullRequestStatus,
  ReviewStatus,
} from "../gen/fleet/metadata/v1/github_pb.ts";
import { card, facts, type Moment } from "./card.ts";
import { type Content, type Element, element, span, webLink } from "./elements.ts";
import { ago, code, count, lines, listed, pill, quiet, thousands, UNKNOWN, type Verdict } from "./words.ts";

const STATUSES: Readonly<Record<PullRequestStatus, Verdict>> = {
  [PullRequestStatus.UNSPECIFIED]: [UNKNOWN, "quiet"],
  [PullRequestStatus.OPEN]: ["open", "good"],
  [PullRequestStatus.CLOSED]: ["closed", "bad"],
  [PullRequestStatus.MERGED]: ["merged", "busy"],
};

const CHECKS: Readonly<Record<ChecksStatus, Verdict>> = {
  [ChecksStatus.UNSPECIFIED]: [UNKNOWN, "quiet"],
  [ChecksStatus.NONE]: ["no checks", "quiet"],
  [ChecksStatus.PENDING]: ["pending", "busy"],
  [ChecksStatus.PASSING]: ["passing", "good"],
  [ChecksStatus.FAILING]: ["failing", "bad"],
  [ChecksStatus.UNAVAILABLE]: ["not readable", "warn"],
};

const REVIEWS: Readonly<Record<ReviewStatus, Verdict>> = {
  [ReviewStatus.UNSPECIFIED]: [UNKNOWN, "quiet"],
  [ReviewStatus.NONE]: ["no review", "quiet"],
  [ReviewStatus.REVIEW_REQUIRED]: ["review required", "warn"],
  [ReviewStatus.APPROVED]: ["approved", "good"],
  [ReviewStatus.CHANGES_REQUESTED]: ["changes requested", "bad"],
};

const MERGES: Readonly<Record<PullRequestMergeable, Verdict>> = {
  [PullRequestMergeable.UNSPECIFIED]: [UNKNOWN, "quiet"],
  [PullRequestMergeable.UNKNOWN]: ["not computed yet", "quiet"],
  [PullRequestMergeable.MERGEABLE]: ["no conflicts", "good"],
  [PullRequestMergeable.CONFLICTING]: ["conflicts", "bad"],
};

export function pullRequestCard(
  github: GitHub | undefined,
  source: SourceStatus | undefined,
  moment: Moment,
): Element {
  const nothing =
    source?.reason === "NO_PULL_REQUEST"
      ? "This branch has no pull request."
      : "There is no pull request to show.";
  const values = (): readonly Content[] =>
    github?.pr === undefined ? [quiet(UNKNOWN)] : valuesOf(github.pr, github.repo?.name, moment);
  return card({ id: "pull-request", title: "Pull request", source, nothing, values }, moment);
}

/** Its checks in a few words. */
export function checksOf(pr: GitHubPullRequest): Verdict {
  return CHECKS[pr.checks?.status ?? ChecksStatus.UNSPECIFIED] ?? CHECKS[ChecksStatus.UNSPECIFIED];
}

function valuesOf(
  pr: GitHubPullRequest,
  repository: string | undefined,
  { nowMs }: Moment,
): readonly Content[] {
  const number = pr.number === undefined ? "" : `#${pr.number}`;
  const [status, tone] = STATUSES[pr.status] ?? STATUSES[PullRequestStatus.UNSPECIFIED];
  const isDraft = pr.draft === true && pr.status === PullRequestStatus.OPEN;
  return [
    element(
      "p",
      { class: "headline" },
      span("title", webLink(pr.url, `${number} ${pr.title ?? ""}`.trim() || UNKNOWN)),
      pill(isDraft ? ["draft", "quiet"] : [status, tone]),
    ),
    facts(
      ["Checks", pill(checksOf(pr)), span("text", countsOf(pr.checks))],
      ["Failing", ...failingOf(pr.checks)],
      [
        "Review",
        pill(REVIEWS[pr.review?.status ?? ReviewStatus.UNSPECIFIED] ?? REVIEWS[ReviewStatus.UNSPECIFIED]),
      ],
      [
        "Merge",
        pill(MERGES[pr.mergeable] ?? MERGES[PullRequestMergeable.UNSPECIFIED]),
        pr.baseBranch !== undefined && span("text", "into ", code(pr.baseBranch)),
      ],
      ["Head", headOf(pr)],
      [
        "Size",
        lines(pr.additions, pr.deletions),
        pr.changedFiles !== undefined && span("text", `in ${count(pr.changedFiles, "file")}`),
      ],
      [
        "Changed",
        listed(
          pr.updatedAt === undefined ? UNKNOWN : ago(pr.updatedAt, nowMs),
          pr.author && `by ${pr.author}`,
          repository,
        ),
      ],
    ),
  ];
}

function countsOf(checks: PullRequestChecks | undefined): string {
  const { total, passed, failed, pending } = checks ?? {};
  if (total === undefined || total === 0) {
    return checks?.status === ChecksStatus.UNAVAILABLE ? "the token may not read them" : "";
  }
  return listed(
    passed !== undefined && `${thousands(passed)} of ${thousands(total)} passed`,
    failed !== undefined && failed > 0 && `${thousands(failed)} failed`,
    pending !== undefined && pending > 0 && `${thousands(pending)} pending`,
  );
}

/** The first few: a person who wants them all opens the pull request. */
const FAILING_SHOWN = 3;

function failingOf(checks: PullRequestChecks | undefined): readonly Content[] {
  const { failing = [], failed } = checks ?? {};
  if (failing.length === 0) {
    return [quiet(failed === 0 ? "nothing" : UNKNOWN)];
  }
  const more = failing.length - FAILING_SHOWN;
  return [
    ...failing.slice(0, FAILING_SHOWN).map((name) => code(name, "code bad-text")),
    more > 0 && quiet(`and ${more} more`),
  ];
}

function headOf(pr: GitHubPullRequest): Content {
  switch (pr.headInSync) {
    case true:
      return "is the local commit";
    case false:
      return span("warn-text", "is another commit than the local one");
    default:
      return quiet(UNKNOWN);
  }
}
