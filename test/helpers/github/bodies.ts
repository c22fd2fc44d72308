// What the stand-in answers with: excerpts of GitHub's own bodies, checked against GitHub's own description of them.

import type { RestEndpointMethodTypes } from "@octokit/rest";
import type { CheckRun, CommitStatus, Pull, Repo, Review } from "./world.ts";

type Endpoints = RestEndpointMethodTypes;

/** Some of the fields, at every depth; GitHub's description says nowhere that a head repository can be null, and it can. */
type Excerpt<T> = T extends (infer Element)[]
  ? Excerpt<Element>[]
  : T extends object
    ? { [Name in keyof T]?: Excerpt<T[Name]> | null }
    : T;

type PullListBody = Excerpt<Endpoints["pulls"]["list"]["response"]["data"][number]>;
type PullBody = Excerpt<Endpoints["pulls"]["get"]["response"]["data"]>;
type ReviewBody = Excerpt<Endpoints["pulls"]["listReviews"]["response"]["data"][number]>;
type ChecksBody = Excerpt<Endpoints["checks"]["listForRef"]["response"]["data"]>;
type StatusBody = Excerpt<Endpoints["repos"]["getCombinedStatusForRef"]["response"]["data"]>;
type RepoBody = Excerpt<Endpoints["repos"]["get"]["response"]["data"]>;

/** Makes bodies whose addresses begin with `apiUrl`. */
export function createBodies(apiUrl: string) {
  const user = (login: string) => ({
    login,
    id: [...login].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1e9, 7),
    type: "User",
    site_admin: false,
    url: `${apiUrl}/users/${login}`,
    html_url: `https://github.com/${login}`,
  });

  const nullableUser = (login: string | null) => (login === null ? null : user(login));

  const repoOf = (fullName: string) => {
    const [owner = "", name = ""] = fullName.split("/");
    return {
      name,
      full_name: fullName,
      owner: user(owner),
      html_url: `https://github.com/${fullName}`,
      url: `${apiUrl}/repos/${fullName}`,
    };
  };

  const repo = (repo: Repo): RepoBody => {
    const parent = repo.parent && { ...repoOf(repo.parent.name), id: repo.parent.id, fork: false };
    return {
      ...repoOf(repo.name),
      id: repo.id,
      private: repo.isPrivate,
      fork: parent !== undefined,
      default_branch: repo.defaultBranch,
      ...(parent && { parent, source: parent }),
    };
  };

  const listedPull = ({ repo, id, number, fields }: Pull): PullListBody => ({
    id,
    number,
    url: `${apiUrl}/repos/${repo.name}/pulls/${number}`,
    html_url: `https://github.com/${repo.name}/pull/${number}`,
    state: fields.state,
    locked: false,
    title: fields.title,
    user: nullableUser(fields.user),
    body: null,
    labels: [],
    draft: fields.draft,
    created_at: fields.createdAt,
    updated_at: fields.updatedAt,
    closed_at: fields.closedAt,
    merged_at: fields.mergedAt,
    merge_commit_sha: null,
    requested_reviewers: fields.requestedReviewers.map(user),
    requested_teams: fields.requestedTeams.map((slug) => ({ slug, name: slug })),
    head: {
      label: `${fields.headOwner}:${fields.headBranch}`,
      ref: fields.headBranch,
      sha: fields.headSha,
      user: user(fields.headOwner),
      repo:
        fields.headRepo === null ? null : { ...repoOf(fields.headRepo), default_branch: repo.defaultBranch },
    },
    base: {
      label: `${repo.owner}:${fields.baseBranch}`,
      ref: fields.baseBranch,
      sha: fields.baseSha,
      user: user(repo.owner),
      // GitHub puts the whole repository here: a push to any branch makes this another answer.
      repo: {
        ...repoOf(repo.name),
        id: repo.id,
        default_branch: repo.defaultBranch,
        pushed_at: repo.pushedAt,
      },
    },
  });

  const pull = (pull: Pull): PullBody => {
    const { fields } = pull;
    const { state } = fields;
    return {
      ...(listedPull(pull) as PullBody),
      state,
      merged: fields.mergedAt !== null,
      mergeable: fields.mergeable,
      mergeable_state: fields.mergeableState,
      additions: fields.additions,
      deletions: fields.deletions,
      changed_files: fields.changedFiles,
      commits: 1,
      comments: 0,
      review_comments: 0,
    };
  };

  const review = (pull: Pull, { id, user: login, state, commit, submittedAt }: Review): ReviewBody => ({
    id,
    user: nullableUser(login),
    body: "",
    state,
    commit_id: commit,
    submitted_at: submittedAt,
    html_url: `https://github.com/${pull.repo.name}/pull/${pull.number}#pullrequestreview-${id}`,
  });

  const checks = (sha: string, runs: readonly CheckRun[], totalCount: number): ChecksBody => ({
    total_count: totalCount,
    check_runs: runs.map((run) => ({
      id: run.id,
      name: run.name,
      head_sha: sha,
      // Words that GitHub's description does not know are sent too.
      status: run.status as "queued",
      conclusion: run.conclusion as "success" | null,
      started_at: run.startedAt,
      completed_at: run.completedAt,
      url: `${apiUrl}/check-runs/${run.id}`,
      app: { id: 15_368, slug: "github-actions", name: "GitHub Actions" },
    })),
  });

  const status = (
    repo: Repo,
    sha: string,
    page: readonly CommitStatus[],
    all: readonly CommitStatus[],
  ): StatusBody => {
    const states = new Set(all.map(({ state }) => state));
    return {
      sha,
      state:
        states.has("failure") || states.has("error")
          ? "failure"
          : states.has("pending") || all.length === 0
            ? "pending"
            : "success",
      total_count: all.length,
      statuses: page.map(({ id, context, state, updatedAt }) => ({
        id,
        context,
        state,
        description: null,
        target_url: null,
        created_at: updatedAt,
        updated_at: updatedAt,
      })),
      repository: { ...repoOf(repo.name), id: repo.id },
    };
  };

  return { repo, listedPull, pull, review, checks, status };
}

export type Bodies = ReturnType<typeof createBodies>;
