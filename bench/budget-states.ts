// What goes on at GitHub while the budget is measured.

import { ChecksStatus, type GitHub as GitHubSection } from "../src/gen/fleet/metadata/v1/github_pb.ts";
import { type GitHub, type Pull, type Repo, sha } from "../test/helpers/github.ts";
import type { CheckoutOptions } from "../test/helpers/github-checkout.ts";
import { type Fleet, type FleetTime, seededRandom } from "../test/helpers/github-fleet.ts";

type ShownPull = NonNullable<GitHubSection["pr"]>;

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** One branch with its pull request. */
interface Branch {
  readonly name: string;
  readonly repo: Repo;
  readonly pull: Pull;
  readonly checkout: CheckoutOptions;
}

export interface World {
  readonly branches: readonly Branch[];
  readonly random: () => number;
}

interface Scene {
  readonly world: World;
  readonly fleet: Fleet;
  readonly time: FleetTime;
}

/** How long one kind of change took to be visible. */
interface Seen {
  readonly samplesMs: number[];
  /** Aim, in seconds. */
  readonly mostS?: number;
  /** How many are not visible yet. */
  readonly open: () => number;
}

export interface BudgetState {
  readonly name: string;
  /** Whether all pull requests are in one repository. */
  readonly isShared: boolean;
  readonly mostPoints: number;
  readonly mostRequests: number;
  /** @returns what is filled while time passes. */
  begin(scene: Scene): ReadonlyMap<string, Seen>;
  /** What begins after the hour that is counted: another hour to see how soon changes are visible. */
  afterwards?(scene: Scene): void;
}

/** A green pull request for each server, in one repository or in one for each. */
export function openWorld(options: {
  readonly github: GitHub;
  readonly servers: number;
  readonly isShared: boolean;
}): World {
  const branches = Array.from({ length: options.servers }, (_, index) => {
    const name = `topic-${index}`;
    const origin = options.isShared ? "octo/app" : `octo/app-${index}`;
    const repo = options.github.repo(origin);
    const pull = repo.pull({ head: name });
    // A quarter wait for a review, which hides from GitHub's word for mergeable what their checks say.
    if (index % 4 === 3) pull.fields.mergeableState = "blocked";
    for (const check of ["build", "lint", "test"]) {
      repo.check(sha(name), { name: check, conclusion: "success" });
    }
    return { name, repo, pull, checkout: { origin, branch: name } };
  });
  return { branches, random: seededRandom(4_711) };
}

/** Does it now and after each pause. @param pauseMs drawn anew each time. */
function again(time: FleetTime, pauseMs: () => number, action: () => void): void {
  time.start(pauseMs(), () => {
    action();
    again(time, pauseMs, action);
  });
}

class Watching implements Seen {
  readonly samplesMs: number[] = [];
  readonly mostS?: number;
  #begun = 0;

  constructor(mostS?: number) {
    if (mostS !== undefined) this.mostS = mostS;
  }

  open = (): number => this.#begun - this.samplesMs.length;

  watch(fleet: Fleet, server: number, isVisible: (pull: ShownPull) => boolean): void {
    this.#begun += 1;
    fleet.servers[server]?.await(isVisible, (afterMs) => this.samplesMs.push(afterMs));
  }
}

const AIM_S = 30;
const MOST_REQUESTS = 700;
/** Of GitHub's 5,000 an hour: the rest is left to others. */
export const MOST_POINTS = 4_500;

function idle(): BudgetState {
  const pushes = new Watching(AIM_S);
  const titles = new Watching(AIM_S);
  const reruns = new Watching(AIM_S);
  const hiddenReruns = new Watching(60);
  return {
    name: "nothing happens",
    isShared: false,
    mostPoints: 0,
    mostRequests: 220,
    begin: () =>
      new Map([
        ["afterwards: a title", titles],
        ["afterwards: the checks of a push from elsewhere", pushes],
        ["afterwards: a check run again after a day", reruns],
        ["afterwards: the same where a review is missing too", hiddenReruns],
      ]),
    afterwards: ({ world, fleet, time }) => {
      const { branches, random } = world;
      let count = 0;
      again(
        time,
        () => 30 * SECOND_MS * random(),
        () => {
          count += 1;
          const index = count % branches.length;
          const branch = branches[index];
          if (branch === undefined) return;
          const { pull, repo } = branch;
          const kind = index % 4;
          if (count > branches.length) return;
          if (kind === 0) {
            const title = `Title ${count}`;
            pull.update({ title });
            titles.watch(fleet, index, (shown) => shown.title === title);
          } else if (kind === 1) {
            const head = sha(`${branch.name} ${count}`);
            repo.check(head, { name: "build", conclusion: "failure" });
            pull.push(head);
            pushes.watch(
              fleet,
              index,
              (shown) => shown.headSha === head && shown.checks?.status === ChecksStatus.FAILING,
            );
          } else {
            repo.check(pull.fields.headSha, { name: "build", conclusion: "failure" });
            if (kind === 2) pull.fields.mergeableState = "unstable";
            const seen = kind === 2 ? reruns : hiddenReruns;
            seen.watch(fleet, index, (shown) => shown.checks?.status === ChecksStatus.FAILING);
          }
        },
      );
    },
  };
}

function running(): BudgetState {
  const checks = new Watching(AIM_S);
  return {
    name: "ten pull requests with running checks",
    isShared: true,
    mostPoints: MOST_POINTS,
    mostRequests: MOST_REQUESTS,
    begin: ({ world, fleet, time }) => {
      const { branches, random } = world;
      for (const [index, { pull, name, repo }] of branches.slice(0, 10).entries()) {
        const head = sha(`${name} running`);
        repo.check(head, { name: "long" });
        pull.push(head);
        let count = 0;
        again(
          time,
          () => (30 + 60 * random()) * SECOND_MS,
          () => {
            count += 1;
            const conclusion = count % 2 === 0 ? "success" : "failure";
            const check = repo.check(head, { name: `check ${count}`, conclusion });
            const failed = Math.ceil(count / 2);
            const passed = Math.floor(count / 2);
            checks.watch(
              fleet,
              index,
              (shown) => (shown.checks?.failed ?? 0) >= failed && (shown.checks?.passed ?? 0) >= passed,
            );
            return check;
          },
        );
      }
      return new Map([["a changed check", checks]]);
    },
  };
}

function pushing(isShared: boolean): BudgetState {
  const pushes = new Watching();
  const results = new Watching();
  return {
    name: `everyone pushes every five minutes, ${isShared ? "all to one repository" : "each to another repository"}`,
    isShared,
    mostPoints: MOST_POINTS,
    mostRequests: MOST_REQUESTS,
    begin: (scene) => {
      const { world, time } = scene;
      const { branches, random } = world;
      for (const [index, branch] of branches.entries()) {
        let count = 0;
        time.start(5 * MINUTE_MS * random(), () => {
          const push = (): void => {
            count += 1;
            pushOnce(scene, { branch, index, count, pushes, results });
          };
          push();
          again(time, () => 5 * MINUTE_MS, push);
        });
      }
      return new Map([
        ["a push", pushes],
        ["the result of its checks, unless the next push came first", results],
      ]);
    },
  };
}

/** A commit that is pushed two seconds later, whose checks begin after some seconds and end within three minutes. */
function pushOnce(
  { world, fleet, time }: Scene,
  pushing: {
    readonly branch: Branch;
    readonly index: number;
    readonly count: number;
    readonly pushes: Watching;
    readonly results: Watching;
  },
): void {
  const { random } = world;
  const { branch, index, count, pushes, results } = pushing;
  const { name, pull, repo, checkout } = branch;
  const head = sha(`${name} ${count}`);
  const before = sha(count === 1 ? name : `${name} ${count - 1}`);
  const pushed = (oid: string) => ({
    upstreamOid: oid,
    push: { remote: "origin", ref: `refs/heads/${name}`, oid },
  });
  fleet.servers[index]?.checkOut({ ...checkout, head, ...pushed(before) });
  time.start(2 * SECOND_MS, () => {
    fleet.servers[index]?.checkOut({ ...checkout, head, ...pushed(head) });
    time.start(SECOND_MS, () => {
      repo.commit(head);
      pull.push(head).update({ mergeable: null });
      pushes.watch(fleet, index, (shown) => shown.headSha === head || isLater(shown.headSha));
    });
    time.start(6 * SECOND_MS, () => {
      pull.fields.mergeable = true;
    });
  });
  const isLater = (oid: string | undefined): boolean =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].some((more) => sha(`${name} ${count + more}`) === oid);
  for (const check of ["build", "lint", "test"]) {
    time.start((5 + 5 * random()) * SECOND_MS, () => {
      const run = repo.check(head, { name: check, status: "queued" });
      time.start(10 * SECOND_MS * random(), () => {
        run.status = "in_progress";
      });
      time.start((30 + 120 * random()) * SECOND_MS, () => {
        const completedAt = `${new Date(time.wallMs()).toISOString().slice(0, 19)}Z`;
        Object.assign(run, { status: "completed", conclusion: "success", completedAt });
        if (repo.checks.get(head)?.every(({ status }) => status === "completed")) {
          results.watch(
            fleet,
            index,
            (shown) => shown.headSha === head && shown.checks?.status === ChecksStatus.PASSING,
          );
        }
      });
    });
  }
}

export const BUDGET_STATES: readonly BudgetState[] = [idle(), running(), pushing(false), pushing(true)];
