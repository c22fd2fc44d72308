// Workspaces for the status page: what each source would find in one of the states that people meet.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Checkout } from "../../src/collectors/checkout.ts";
import type { Problem } from "../../src/collectors/collector.ts";
import type { Known, RateLimit, RemoteCollector } from "../../src/collectors/remote-collector.ts";
import { GitOperation, type GitSchema, GitStatus } from "../../src/gen/fleet/metadata/v1/git_pb.ts";
import {
  ChecksStatus,
  type GitHubPullRequestSchema,
  PullRequestMergeable,
  PullRequestStatus,
  ReviewStatus,
} from "../../src/gen/fleet/metadata/v1/github_pb.ts";
import {
  TaskEvidence,
  type TaskSchema,
  TaskStatus,
  WorkspaceProvider,
} from "../../src/gen/fleet/metadata/v1/workspace_pb.ts";
import { systemClock } from "../../src/metadata/clock.ts";
import type { ScheduledCollector, ScheduledRemoteCollector } from "../../src/metadata/service.ts";
import { ControlledCollector, data } from "./controlled-collector.ts";
import { checkoutOf } from "./controlled-remote.ts";
import { noData } from "./stepped-collector.ts";

/** A remote collector that knows something and asks nobody. */
class KnownRemote implements RemoteCollector {
  readonly source = "github";
  readonly rateLimit: RateLimit | undefined;
  readonly obstacle: Problem | undefined;
  readonly #known: Known;

  constructor(known: Known, rateLimit: RateLimit, obstacle?: Problem) {
    this.#known = known;
    this.rateLimit = rateLimit;
    this.obstacle = obstacle;
  }

  about({ branch }: Checkout): string | undefined {
    return branch && `pull requests of base octo/checkout, head octo:${branch}`;
  }

  known(): Known {
    return this.#known;
  }

  prepare(): undefined {
    return undefined;
  }

  async refresh(): Promise<void> {
    // It knows all that it will.
  }

  dueAtMs(): number {
    return systemClock.monotonicMs() + (this.obstacle === undefined ? 24_000 : MINUTE * 22);
  }
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BRANCH = "feature/express-checkout";

const before = (ms: number) => timestampFromMs(Date.now() - ms);

type Plain<T> = Exclude<T, { $typeName: string }>;
type Git = Plain<MessageInitShape<typeof GitSchema>>;
type PullRequest = Plain<MessageInitShape<typeof GitHubPullRequestSchema>>;
type Task = Plain<MessageInitShape<typeof TaskSchema>>;

/** The sources of one workspace. Those that a test changes are controlled. */
export interface PageSources {
  readonly git: ControlledCollector;
  readonly task: ControlledCollector;
  readonly collectors: readonly (ScheduledCollector | ScheduledRemoteCollector)[];
}

function sources(git: ControlledCollector, task: ControlledCollector, github: RemoteCollector): PageSources {
  const workspace = new ControlledCollector(
    "workspace",
    data({
      workspace: {
        id: "5f1c2a",
        name: "quick-otter-42",
        owner: { name: "alice" },
        agent: { name: "main" },
        hostname: "coder-alice-quick-otter-42",
        directory: "/home/coder/checkout",
        provider: WorkspaceProvider.CODER,
      },
    }),
  );
  const remote = { remote: github, follows: "git", deadlineMs: 20_000 };
  return { git, task, collectors: [git.scheduled(), task.scheduled(), workspace.scheduled(), remote] };
}

export function gitOf(changed: Git = {}): ControlledCollector {
  const git: Git = {
    branch: BRANCH,
    detached: false,
    commit: {
      hash: "3f9c2e1",
      message: "Charge the card only after the address is confirmed\n\nBody",
      author: "Alice Archer",
      time: before(18 * MINUTE),
    },
    status: GitStatus.CLEAN,
    stagedFiles: 0,
    modifiedFiles: 0,
    untrackedFiles: 0,
    conflictedFiles: 0,
    stashes: 0,
    diff: { insertions: 0, deletions: 0 },
    upstream: `origin/${BRANCH}`,
    ahead: 0,
    behind: 0,
    base: { branch: "main", ahead: 7, behind: 0 },
    operation: GitOperation.NONE,
    remote: { name: "origin", url: "https://github.com/octo/checkout.git" },
    directory: "/home/coder/checkout",
    lastFetchTime: before(9 * MINUTE),
    ...changed,
  };
  return new ControlledCollector("git", {
    outcome: "data",
    metadata: { git },
    checkout: checkoutOf(git.branch ?? BRANCH),
  });
}

export function taskOf(changed: Task): ControlledCollector {
  const task: Task = {
    agent: "claude-code",
    startedAt: before(42 * MINUTE),
    updatedAt: before(12_000),
    source: TaskEvidence.FILE,
    ...changed,
  };
  return new ControlledCollector("task", data({ workspace: { task } }));
}

export function githubOf(
  changed: PullRequest = {},
  { ageMs = 6_000, obstacle }: { readonly ageMs?: number; readonly obstacle?: Problem } = {},
): RemoteCollector {
  const pr: PullRequest = {
    number: 812,
    status: PullRequestStatus.OPEN,
    title: "Express checkout: pay in one step",
    url: "https://github.com/octo/checkout/pull/812",
    draft: false,
    author: "alice",
    baseBranch: "main",
    headInSync: true,
    checks: { status: ChecksStatus.PASSING, total: 14, passed: 14, failed: 0, pending: 0 },
    review: { status: ReviewStatus.APPROVED },
    mergeable: PullRequestMergeable.MERGEABLE,
    additions: 412,
    deletions: 87,
    changedFiles: 19,
    updatedAt: before(11 * MINUTE),
    ...changed,
  };
  const confirmedAt = { wallMs: Date.now() - ageMs, monotonicMs: systemClock.monotonicMs() - ageMs };
  return new KnownRemote(
    { outcome: "data", metadata: { github: { repo: { name: "octo/checkout" }, pr } }, confirmedAt },
    { limit: 5_000, remaining: obstacle ? 0 : 4_812, resetMs: Date.now() + 22 * MINUTE },
    obstacle,
  );
}

/** The states by name, made anew by each call: ages count from then. */
export const PAGE_STATES: Readonly<Record<string, () => PageSources>> = {
  "all well": () =>
    sources(
      gitOf(),
      taskOf({
        status: TaskStatus.RUNNING,
        description:
          "Let customers pay in one step: keep the address form, drop the basket page, and test both",
        progress: 62,
        url: "https://coder.example.com/tasks/alice/quick-otter-42",
      }),
      githubOf(),
    ),
  "failing and waiting": () =>
    sources(
      gitOf({
        status: GitStatus.STAGED,
        stagedFiles: 2,
        modifiedFiles: 5,
        untrackedFiles: 1,
        stashes: 1,
        diff: { insertions: 148, deletions: 36 },
        ahead: 3,
        behind: 1,
        base: { branch: "main", ahead: 10, behind: 4 },
        operation: GitOperation.REBASE,
      }),
      taskOf({
        status: TaskStatus.WAITING,
        description: "May I run the migration against the staging database?",
        progress: 80,
      }),
      githubOf({
        draft: true,
        headInSync: false,
        checks: {
          status: ChecksStatus.FAILING,
          total: 14,
          passed: 10,
          failed: 2,
          pending: 2,
          failing: ["unit (node 24)", "e2e / checkout"],
        },
        review: { status: ReviewStatus.CHANGES_REQUESTED },
        mergeable: PullRequestMergeable.CONFLICTING,
      }),
    ),
  "GitHub limited": () =>
    sources(
      gitOf({
        status: GitStatus.MODIFIED,
        modifiedFiles: 3,
        diff: { insertions: 24, deletions: 9 },
        ahead: 1,
      }),
      taskOf({ status: TaskStatus.RUNNING, description: "Translate the receipts" }),
      githubOf(
        { checks: { status: ChecksStatus.PENDING, total: 14, passed: 9, failed: 0, pending: 5 } },
        {
          ageMs: 25 * MINUTE,
          obstacle: { reason: "RATE_LIMITED", message: "the limit of GitHub is used up for 22 minutes" },
        },
      ),
    ),
  "not a repository": () =>
    sources(
      new ControlledCollector(
        "git",
        noData("NOT_A_REPOSITORY", "there is no git repository in /home/coder/checkout or above it"),
      ),
      new ControlledCollector(
        "task",
        noData("NO_EVIDENCE", "there is no task file, and no agent is running"),
      ),
      githubOf(),
    ),
};

/** A workspace whose every text tries to be markup. */
export function hostileSources(markup: string): PageSources {
  return sources(
    gitOf({
      branch: markup,
      commit: { hash: "3f9c2e1", message: markup, author: markup, time: before(HOUR) },
    }),
    taskOf({ status: TaskStatus.RUNNING, description: markup, url: "javascript:alert(1)", agent: markup }),
    githubOf({ title: markup, url: "javascript:alert(1)" }),
  );
}
