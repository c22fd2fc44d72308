// The card of the repository: branch, what is uncommitted, where it stands against its upstream and base.

import type { SourceStatus } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { type Git, GitOperation, GitStatus } from "../gen/fleet/metadata/v1/git_pb.ts";
import { card, facts, type Moment } from "./card.ts";
import { type Content, type Element, element, span } from "./elements.ts";
import { ago, code, count, lines, listed, pill, quiet, thousands, UNKNOWN, type Verdict } from "./words.ts";

const STATUSES: Readonly<Record<GitStatus, Verdict>> = {
  [GitStatus.UNSPECIFIED]: [UNKNOWN, "quiet"],
  [GitStatus.CLEAN]: ["clean", "good"],
  [GitStatus.MODIFIED]: ["modified", "warn"],
  [GitStatus.STAGED]: ["staged", "busy"],
  [GitStatus.UNTRACKED]: ["untracked", "warn"],
  [GitStatus.CONFLICTED]: ["conflicted", "bad"],
};

const OPERATIONS: Readonly<Partial<Record<GitOperation, string>>> = {
  [GitOperation.MERGE]: "merge",
  [GitOperation.REBASE]: "rebase",
  [GitOperation.CHERRY_PICK]: "cherry-pick",
  [GitOperation.REVERT]: "revert",
  [GitOperation.BISECT]: "bisect",
  [GitOperation.AM]: "am",
};

export function gitCard(git: Git | undefined, source: SourceStatus | undefined, moment: Moment): Element {
  const nothing = "There is no git repository here.";
  const values = (): readonly Content[] => (git === undefined ? [quiet(UNKNOWN)] : valuesOf(git, moment));
  return card({ id: "git", title: "Repository", source, nothing, values }, moment);
}

/** The branch as a person says it. */
export function branchOf(git: Git): string | undefined {
  if (git.branch === undefined && git.detached === true) {
    return `detached at ${git.commit?.hash ?? "a commit"}`;
  }
  return git.branch;
}

function valuesOf(git: Git, { nowMs }: Moment): readonly Content[] {
  const branch = branchOf(git);
  const operation = OPERATIONS[git.operation];
  const { commit } = git;
  return [
    element(
      "p",
      { class: "headline" },
      branch === undefined ? quiet("branch not known") : code(branch, "branch"),
      operation !== undefined && pill([`${operation} in progress`, "warn"]),
    ),
    facts(
      [
        "Work tree",
        pill(STATUSES[git.status] ?? STATUSES[GitStatus.UNSPECIFIED]),
        span("text", filesOf(git)),
      ],
      ["Changes", lines(git.diff?.insertions, git.diff?.deletions), stashesOf(git)],
      ["Upstream", ...upstreamOf(git)],
      [
        "Base",
        ...(git.base === undefined
          ? [quiet("default branch not known")]
          : distance(git.base.ahead, git.base.behind, git.base.branch)),
      ],
      [
        "Commit",
        ...(commit === undefined
          ? [quiet("no commit yet")]
          : [
              commit.hash === undefined ? quiet(UNKNOWN) : code(commit.hash, "code whole"),
              span("text clip", (commit.message ?? "").split("\n", 1)[0] ?? ""),
            ]),
      ],
      [
        "Committed",
        commit?.time === undefined
          ? quiet(commit === undefined ? "not yet" : UNKNOWN)
          : listed(ago(commit.time, nowMs), commit.author && `by ${commit.author}`),
      ],
      ["Last fetch", git.lastFetchTime === undefined ? quiet(UNKNOWN) : ago(git.lastFetchTime, nowMs)],
    ),
  ];
}

function filesOf(git: Git): string {
  const some = (number: number | undefined, name: string): string | undefined =>
    number === undefined || number === 0 ? undefined : `${thousands(number)} ${name}`;
  return listed(
    some(git.conflictedFiles, "conflicted"),
    some(git.stagedFiles, "staged"),
    some(git.modifiedFiles, "modified"),
    some(git.untrackedFiles, "untracked"),
  );
}

function stashesOf({ stashes }: Git): Content {
  return stashes !== undefined && stashes > 0 && span("text", count(stashes, "stash", "stashes"));
}

function upstreamOf(git: Git): readonly Content[] {
  if (git.upstream === undefined) {
    return [quiet("no upstream is set")];
  }
  return git.ahead === undefined || git.behind === undefined
    ? [code(git.upstream), quiet("does not exist any more")]
    : distance(git.ahead, git.behind, git.upstream);
}

function distance(
  ahead: number | undefined,
  behind: number | undefined,
  other: string | undefined,
): readonly Content[] {
  const known =
    ahead === undefined || behind === undefined
      ? quiet(UNKNOWN)
      : span(
          "distance",
          span(ahead > 0 ? "some" : "muted", `${thousands(ahead)} ahead`),
          span("muted", ", "),
          span(behind > 0 ? "some" : "muted", `${thousands(behind)} behind`),
        );
  return [known, other !== undefined && code(other)];
}
