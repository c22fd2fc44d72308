// What there is on the stand-in for GitHub: repositories, pull requests, reviews, checks. Mutable, by a small fluent interface.

import { createHash } from "node:crypto";

/** Whoever counts: ids, numbers and times of what is made. */
export interface Origin {
  nextId(): number;
  /** The time on GitHub's clock, as its answers have it (`2026-01-31T10:00:00Z`). */
  now(): string;
}

export type ReviewState = "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED" | "PENDING";

export interface Review {
  readonly id: number;
  /** Login. Null: the account is gone. */
  user: string | null;
  /** One of GitHub's words, or one that is not known yet. */
  state: ReviewState | (string & {});
  /** Hash of the commit that was reviewed. */
  commit: string;
  submittedAt: string;
}

export interface CheckRun {
  readonly id: number;
  name: string;
  status: "queued" | "in_progress" | "completed" | (string & {});
  conclusion: string | null;
  startedAt: string | null;
  completedAt: string | null;
}

export interface CommitStatus {
  readonly id: number;
  context: string;
  state: "error" | "failure" | "pending" | "success" | (string & {});
  updatedAt: string;
}

export interface PullFields {
  title: string;
  state: "open" | "closed";
  /** When it was merged; merging also closes. Null: it was not. */
  mergedAt: string | null;
  draft: boolean;
  /** Login of the author. Null: the account is gone. */
  user: string | null;
  /** Owner of the head branch: outlives the head repository. */
  headOwner: string;
  /** `owner/name` of the head repository. Null: it was deleted. */
  headRepo: string | null;
  headBranch: string;
  headSha: string;
  baseBranch: string;
  baseSha: string;
  /** Null: GitHub is still computing. */
  mergeable: boolean | null;
  mergeableState: string;
  additions: number;
  deletions: number;
  changedFiles: number;
  createdAt: string;
  updatedAt: string;
  closedAt: string | null;
  /** Logins and slugs of those whose review is asked for. */
  requestedReviewers: readonly string[];
  requestedTeams: readonly string[];
}

/** What a test says of a pull request. `head` is `branch`, `owner:branch` (the fork of the same name) or `owner/name:branch`. */
export type PullOptions = Partial<Omit<PullFields, "headBranch">> & {
  readonly head: string;
  readonly number?: number;
};

/** A hash that follows from a text, as full as those of git. */
export function sha(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** One pull request. Its fields may be set at any time by {@link update}. */
export class Pull {
  readonly repo: Repo;
  readonly id: number;
  readonly number: number;
  readonly reviews: Review[] = [];
  readonly fields: PullFields;
  readonly #origin: Origin;

  constructor(repo: Repo, number: number, fields: PullFields, origin: Origin) {
    this.repo = repo;
    this.id = origin.nextId();
    this.number = number;
    this.fields = fields;
    this.#origin = origin;
  }

  /** Sets fields; `updatedAt` becomes now unless it is given. */
  update(fields: Partial<PullFields>): this {
    Object.assign(this.fields, { updatedAt: this.#origin.now() }, fields);
    return this;
  }

  /** Commits arrive on the head branch. */
  push(headSha: string): this {
    this.repo.pushedAt = this.#origin.now();
    return this.update({ headSha });
  }

  close(): this {
    return this.update({ state: "closed", closedAt: this.#origin.now() });
  }

  reopen(): this {
    return this.update({ state: "open", closedAt: null });
  }

  merge(): this {
    return this.update({ state: "closed", closedAt: this.#origin.now(), mergedAt: this.#origin.now() });
  }

  /** Adds a review, as the last one. Its author is no longer among the requested reviewers, as on GitHub. */
  review(user: string | null, state: Review["state"]): Review {
    const review = {
      id: this.#origin.nextId(),
      user,
      state,
      commit: this.fields.headSha,
      submittedAt: this.#origin.now(),
    };
    this.reviews.push(review);
    this.update({ requestedReviewers: this.fields.requestedReviewers.filter((login) => login !== user) });
    return review;
  }
}

export interface RepoOptions {
  /** Tokens that are not allowed see 404, as does everybody without one. Default false. */
  readonly isPrivate?: boolean;
  /** The repository that it is a fork of. */
  readonly parent?: Repo;
  /** Default `main`. */
  readonly defaultBranch?: string;
}

/** One repository. It answers under its present name, and under its former ones with a redirect. */
export class Repo {
  readonly id: number;
  readonly isPrivate: boolean;
  readonly parent: Repo | undefined;
  readonly defaultBranch: string;
  readonly pulls: Pull[] = [];
  readonly checks = new Map<string, CheckRun[]>();
  readonly statuses = new Map<string, CommitStatus[]>();
  /** When anything was pushed to it last. */
  pushedAt: string;
  /** Where single sign-on is to be done, when a request with a token needs it. */
  ssoUrl: string | undefined;
  readonly #commits = new Set<string>();
  readonly #names: string[];
  readonly #origin: Origin;

  constructor(name: string, options: RepoOptions, origin: Origin) {
    this.id = origin.nextId();
    this.isPrivate = options.isPrivate ?? false;
    this.parent = options.parent;
    this.defaultBranch = options.defaultBranch ?? "main";
    this.pushedAt = origin.now();
    this.#names = [name];
    this.#origin = origin;
  }

  /** `owner/name`. */
  get name(): string {
    return this.#names.at(-1) ?? "";
  }

  /** All names that it has had, the present one last. */
  get names(): readonly string[] {
    return this.#names;
  }

  get owner(): string {
    return this.name.split("/")[0] ?? "";
  }

  /** Renames or transfers it: the former name redirects from now on. */
  rename(name: string): this {
    this.#names.push(name);
    return this;
  }

  /** Requests with a token are refused until single sign-on is done at `url`; undefined: no longer. */
  requireSso(url: string | undefined): this {
    this.ssoUrl = url;
    return this;
  }

  /** Opens a pull request with the next number. */
  pull(options: PullOptions): Pull {
    const { head, number = 1 + Math.max(0, ...this.pulls.map((pull) => pull.number)), ...fields } = options;
    const [, owner = this.owner, name = this.name.split("/")[1], headBranch = head] =
      /^(?:([^/:]+)(?:\/([^:]+))?:)(.*)$/.exec(head) ?? [];
    const now = this.#origin.now();
    const pull = new Pull(
      this,
      number,
      {
        title: `Pull request ${number}`,
        state: "open",
        mergedAt: null,
        draft: false,
        user: owner,
        headOwner: owner,
        headRepo: `${owner}/${name}`,
        headBranch,
        headSha: sha(head),
        baseBranch: this.defaultBranch,
        baseSha: sha(this.defaultBranch),
        mergeable: true,
        mergeableState: "clean",
        additions: 1,
        deletions: 0,
        changedFiles: 1,
        createdAt: now,
        updatedAt: now,
        closedAt: null,
        requestedReviewers: [],
        requestedTeams: [],
        ...fields,
      },
      this.#origin,
    );
    this.pulls.push(pull);
    return pull;
  }

  /** Adds a check run to a commit, running unless a conclusion is given. Its fields may be set afterwards. */
  check(sha: string, options: Partial<CheckRun> & { readonly name: string }): CheckRun {
    const now = this.#origin.now();
    const { conclusion = null } = options;
    const run: CheckRun = {
      status: conclusion === null ? "in_progress" : "completed",
      conclusion,
      startedAt: now,
      completedAt: conclusion === null ? null : now,
      ...options,
      id: options.id ?? this.#origin.nextId(),
    };
    this.checks.set(sha, [...(this.checks.get(sha) ?? []), run]);
    return run;
  }

  /** Sets the commit status of one context, the newest one counts. */
  status(sha: string, context: string, state: CommitStatus["state"]): CommitStatus {
    const status = { id: this.#origin.nextId(), context, state, updatedAt: this.#origin.now() };
    const others = (this.statuses.get(sha) ?? []).filter((other) => other.context !== context);
    this.statuses.set(sha, [...others, status]);
    return status;
  }

  /** Makes a commit known that no pull request and no check names. */
  commit(sha: string): this {
    this.#commits.add(sha);
    return this;
  }

  knows(sha: string): boolean {
    return (
      this.#commits.has(sha) ||
      this.checks.has(sha) ||
      this.statuses.has(sha) ||
      this.pulls.some(({ fields }) => fields.headSha === sha || fields.baseSha === sha)
    );
  }
}
