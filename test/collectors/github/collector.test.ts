import { expect, test } from "vitest";
import {
  ChecksStatus,
  PullRequestMergeable,
  PullRequestStatus,
  ReviewStatus,
} from "../../../src/gen/fleet/metadata/v1/github_pb.ts";
import { failure, sha } from "../../helpers/github.ts";
import { checkoutOf } from "../../helpers/github-checkout.ts";
import { pullIn, startScene } from "../../helpers/github-collector.ts";

const CHECKOUT = checkoutOf();
const HEAD = sha("topic");
const context = () => ({ signal: AbortSignal.timeout(20_000) });

/** A pull request of the branch with everything green. */
async function startGreen(options?: Parameters<typeof startScene>[0]) {
  const scene = await startScene(options);
  const repo = scene.github.repo("octo/app");
  const pull = repo.pull({ head: "topic", title: "Add a door", user: "ann" });
  repo.check(HEAD, { name: "build", conclusion: "success" });
  await scene.time.advance(86_400_000);
  return { ...scene, repo, pull };
}

test("everything about a pull request", async () => {
  const { collector, refresh, repo, pull, time } = await startGreen();
  repo.status(HEAD, "deploy", "failure");
  pull.review("ben", "APPROVED");
  pull.update({ additions: 5, deletions: 2, changedFiles: 3, draft: true });
  expect(collector.known(CHECKOUT)).toBeUndefined();
  await refresh(CHECKOUT);
  const known = collector.known(CHECKOUT);
  expect(known).toMatchObject({
    outcome: "data",
    confirmedAt: { monotonicMs: time.monotonicMs(), wallMs: time.wallMs() },
    metadata: {
      github: {
        repo: { name: "octo/app" },
        pr: {
          number: 1,
          status: PullRequestStatus.OPEN,
          title: "Add a door",
          url: "https://github.com/octo/app/pull/1",
          draft: true,
          author: "ann",
          baseBranch: "main",
          headSha: HEAD,
          headInSync: true,
          checks: {
            status: ChecksStatus.FAILING,
            total: 2,
            passed: 1,
            failed: 1,
            pending: 0,
            failing: ["deploy"],
          },
          review: { status: ReviewStatus.APPROVED },
          mergeable: PullRequestMergeable.MERGEABLE,
          additions: 5,
          deletions: 2,
          changedFiles: 3,
          count: 1,
        },
      },
    },
  });
  expect(known).not.toHaveProperty("warning");
  expect(collector.known(CHECKOUT)).toBe(known);
  expect(collector.about(CHECKOUT)).toBe("pull requests of octo/app, head octo/app:topic");
});

test("P16: while nothing happens, a refresh is one request and costs nothing", async () => {
  const { asked, github, refresh, time, use } = await startGreen();
  await refresh(CHECKOUT);
  expect(asked()).toHaveLength(6);
  for (let round = 0; round < 10; round += 1) {
    await time.advance(30_000);
    await refresh(CHECKOUT);
    expect(github.books.requests.map(({ status }) => status)).toEqual([304]);
    expect(asked()).toHaveLength(1);
  }
  await use(CHECKOUT, 3_600_000);
  expect(github.books.points).toBe(0);
  expect(github.books.requests.length).toBeLessThanOrEqual(124);
});

test("P14: an answer lives 30 s, 10 s while checks are pending, minutes once it is merged", async () => {
  const { collector, refresh, repo, pull, time } = await startGreen();
  const checkout = checkoutOf({ ancestors: [sha("pushed")] });
  const due = () => (collector.dueAtMs(checkout) ?? Number.NaN) - time.monotonicMs();
  await refresh(checkout);
  expect(due()).toBe(30_000);
  pull.push(sha("pushed"));
  const run = repo.check(sha("pushed"), { name: "build" });
  await time.advance(30_000);
  await refresh(checkout);
  expect(pullIn(collector.known(checkout))?.checks?.status).toBe(ChecksStatus.PENDING);
  expect(due()).toBe(11_000);
  Object.assign(run, { status: "completed", conclusion: "success" });
  await time.advance(11_000);
  await refresh(checkout);
  expect(due()).toBe(19_000);
  pull.merge();
  await time.advance(19_000);
  await refresh(checkout);
  expect(pullIn(collector.known(checkout))).toMatchObject({
    status: PullRequestStatus.MERGED,
    checks: { status: ChecksStatus.PASSING },
  });
  expect(due()).toBe(300_000);
});

test("P14: waits are shortened by a tenth at most", async () => {
  const { collector, refresh, time } = await startGreen({ random: () => 0.999_999 });
  await refresh(CHECKOUT);
  const due = (collector.dueAtMs(CHECKOUT) ?? Number.NaN) - time.monotonicMs();
  expect(due).toBeCloseTo(27_000, 0);
});

test.each([
  [
    "a push",
    {
      head: sha("pushed"),
      upstreamOid: sha("pushed"),
      push: { remote: "origin", ref: "refs/heads/topic", oid: sha("pushed") },
    },
  ],
  ["a commit", { head: sha("commit") }],
  ["a new branch", { branch: "other" }],
  ["another remote", { remotes: [{ name: "origin", url: "https://github.com/octo/tool.git" }] }],
])("P15: %s is looked up at once, then after 5, 15 and 30 s", async (_, change) => {
  const { asked, collector, github, refresh, time, use } = await startGreen();
  github.repo("octo/tool");
  await refresh(CHECKOUT);
  await time.advance(7_000);
  const changed = checkoutOf(change);
  const startMs = time.monotonicMs();
  const timesMs: number[] = [];
  asked();
  for (let round = 0; round < 5; round += 1) {
    const dueMs = Math.max(collector.dueAtMs(changed) ?? Number.NaN, time.monotonicMs());
    await time.advance(dueMs - time.monotonicMs());
    await refresh(changed);
    timesMs.push(dueMs - startMs);
    expect(asked().filter((url) => /pulls(\?|\/\d+$)/.test(url))).toHaveLength(1);
  }
  expect(timesMs).toEqual([0, 5_000, 15_000, 30_000, 60_000]);
  await use(changed, 60_000);
  expect(asked()).toHaveLength(2);
});

test("P15: once GitHub has the local commit there is nothing more to wait for", async () => {
  const { collector, pull, refresh, repo, time } = await startGreen();
  await refresh(CHECKOUT);
  await time.advance(7_000);
  const pushed = checkoutOf({ head: sha("pushed"), upstreamOid: sha("pushed") });
  const due = () => (collector.dueAtMs(pushed) ?? Number.NaN) - time.monotonicMs();
  expect(due()).toBe(0);
  await refresh(pushed);
  expect(due()).toBe(5_000);
  repo.check(sha("pushed"), { name: "build", conclusion: "success" });
  pull.push(sha("pushed"));
  await time.advance(5_000);
  await refresh(pushed);
  expect(pullIn(collector.known(pushed))).toMatchObject({ headInSync: true });
  expect(due()).toBe(30_000);
});

test("P15: a change that comes while an older one is looked up is looked up as well", async () => {
  const { collector, pull, refresh, time } = await startGreen();
  await refresh(CHECKOUT);
  await time.advance(7_000);
  pull.push(sha("first"));
  const first = checkoutOf({ head: sha("first") });
  const second = checkoutOf({ head: sha("second") });
  const refreshed = refresh(first);
  collector.known(second);
  await refreshed;
  expect((collector.dueAtMs(second) ?? Number.NaN) - time.monotonicMs()).toBe(5_000);
});

test("P15: a commit and its push are one look and another one 5 s later", async () => {
  const { collector, refresh, time } = await startGreen();
  await refresh(CHECKOUT);
  await time.advance(7_000);
  const committed = checkoutOf({ head: sha("commit") });
  await refresh(committed);
  expect((collector.dueAtMs(committed) ?? Number.NaN) - time.monotonicMs()).toBe(5_000);
  await time.advance(2_000);
  const pushed = checkoutOf({ head: sha("commit"), upstreamOid: sha("commit") });
  expect((collector.dueAtMs(pushed) ?? Number.NaN) - time.monotonicMs()).toBe(3_000);
});

test("P15: a checkout that never stops changing asks 8 times a minute at most", async () => {
  const { asked, refresh, use } = await startGreen();
  await refresh(CHECKOUT);
  asked();
  for (let second = 0; second < 600; second += 1) {
    await use(checkoutOf({ head: sha(`commit ${second}`) }), 1_000);
  }
  expect(asked().length).toBeLessThanOrEqual(81);
});

test("P2: of remotes without end, as many as gh looks at are asked for", async () => {
  const { asked, credential, github, use } = await startScene();
  credential.sees = [];
  const remotes = (round: number) =>
    Array.from({ length: 64 }, (_, index) => {
      const name = `octo/hidden-${round}-${index}`;
      github.repo(name, { isPrivate: true });
      return { name: index === 0 ? "origin" : `remote-${index}`, url: `https://github.com/${name}.git` };
    });
  for (let round = 0; round < 12; round += 1) {
    await use(checkoutOf({ remotes: remotes(round) }), 4_900);
  }
  expect(asked().length).toBeLessThanOrEqual(8 * 5);
});

test("P16: details and reviews are asked for when the entry changed, checks when the head did", async () => {
  const { asked, refresh, pull, repo, time } = await startGreen();
  const parts = () =>
    asked()
      .map((url) => /[^/?]+(?=\?|$)/.exec(url)?.[0])
      .sort();
  await refresh(CHECKOUT);
  asked();
  pull.review("ben", "APPROVED");
  await time.advance(30_000);
  await refresh(CHECKOUT);
  expect(parts()).toEqual(["1", "reviews"]);
  await time.advance(30_000);
  pull.push(sha("pushed"));
  repo.check(sha("pushed"), { name: "build" });
  await refresh(CHECKOUT);
  expect(parts()).toEqual(["1", "check-runs", "reviews", "status"]);
  await time.advance(11_000);
  await refresh(CHECKOUT);
  expect(parts()).toEqual(["check-runs"]);
});

test("P12: in sync is whether the head is the local one, told anew without a request", async () => {
  const { asked, collector, refresh, pull, time } = await startGreen();
  await refresh(CHECKOUT);
  asked();
  const ahead = checkoutOf({ head: sha("not pushed") });
  expect(pullIn(collector.known(ahead))).toMatchObject({ number: 1, headInSync: false });
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ number: 1, headInSync: true });
  expect(asked()).toEqual([]);
  pull.push(sha("pushed elsewhere"));
  await time.advance(30_000);
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({
    headSha: sha("pushed elsewhere"),
    headInSync: false,
    checks: { status: ChecksStatus.NONE },
  });
});

test("P7: what was known of a branch is told again, with its age, when it is checked out again", async () => {
  const { collector, refresh, time } = await startGreen();
  await refresh(CHECKOUT);
  const confirmedMs = time.monotonicMs();
  await time.advance(1_000);
  const other = checkoutOf({ branch: "other" });
  expect(collector.known(other)).toBeUndefined();
  await refresh(other);
  expect(collector.known(other)).toMatchObject({ outcome: "no_data", reason: "NO_PULL_REQUEST" });
  const again = checkoutOf();
  expect(collector.known(again)).toMatchObject({ confirmedAt: { monotonicMs: confirmedMs } });
  expect(pullIn(collector.known(again))).toMatchObject({ number: 1 });
});

test("P7: only so many branches are remembered", async () => {
  const { collector, refresh } = await startGreen();
  await refresh(CHECKOUT);
  for (let index = 0; index < 8; index += 1) await refresh(checkoutOf({ branch: `branch-${index}` }));
  expect(collector.known(CHECKOUT)).toBeUndefined();
  expect(collector.known(checkoutOf({ branch: "branch-0" }))).toBeDefined();
});

test("P7: closed and opened again, and a renamed repository", async () => {
  const { collector, repo, refresh, pull, time } = await startGreen();
  const status = async () => {
    await time.advance(300_000);
    await refresh(CHECKOUT);
    return pullIn(collector.known(CHECKOUT))?.status;
  };
  await refresh(CHECKOUT);
  pull.close();
  expect(await status()).toBe(PullRequestStatus.CLOSED);
  pull.reopen();
  expect(await status()).toBe(PullRequestStatus.OPEN);
  repo.rename("octo/house");
  pull.update({ headRepo: "octo/house", title: "Add a house" });
  await time.advance(30_000);
  await refresh(CHECKOUT);
  expect(collector.known(CHECKOUT)).toMatchObject({
    metadata: { github: { repo: { name: "octo/house" }, pr: { number: 1, title: "Add a house" } } },
  });
});

test("P6: an old pull request counts while its head is in the history of HEAD", async () => {
  const { collector, refresh, pull } = await startGreen();
  pull.merge();
  const tip = sha("tip");
  const later = checkoutOf({ head: tip, ancestors: [HEAD] });
  await refresh(later);
  expect(pullIn(collector.known(later))).toMatchObject({ number: 1, headInSync: false });
  const reused = checkoutOf({ head: sha("reused") });
  await collector.prepare(reused, context());
  expect(collector.known(reused)).toMatchObject({
    outcome: "no_data",
    reason: "NO_PULL_REQUEST",
    message:
      "None of the pull requests of octo/app, head octo/app:topic: 1 closed or merged, of other commits.",
  });
  expect(collector.prepare(reused, context())).toBeUndefined();
});

test("P7: a commit drops nothing while git is asked whether the old pull request is in its history", async () => {
  const { collector, refresh, pull } = await startGreen();
  pull.merge();
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ number: 1, headInSync: true });
  const commit = checkoutOf({ head: sha("commit"), ancestors: [HEAD] });
  const meanwhile = collector.known(commit);
  expect(pullIn(meanwhile)).toMatchObject({ number: 1, headInSync: false });
  await collector.prepare(commit, context());
  expect(collector.known(commit)).toBe(meanwhile);
  const reused = checkoutOf({ head: sha("reused") });
  expect(pullIn(collector.known(reused))).toMatchObject({ number: 1 });
  await collector.prepare(reused, context());
  expect(collector.known(reused)).toMatchObject({ reason: "NO_PULL_REQUEST" });
  expect(collector.known(checkoutOf({ head: sha("later") }))).toMatchObject({ reason: "NO_PULL_REQUEST" });
});

test("P6: after another branch, one of the same name is told of when git has been asked", async () => {
  const { collector, refresh, pull } = await startGreen();
  pull.merge();
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ number: 1 });
  const other = checkoutOf({ branch: "other" });
  await refresh(other);
  expect(collector.known(other)).toMatchObject({ reason: "NO_PULL_REQUEST" });
  const reused = checkoutOf({ head: sha("reused") });
  expect(collector.known(reused)).toBeUndefined();
  await collector.prepare(reused, context());
  expect(collector.known(reused)).toMatchObject({ reason: "NO_PULL_REQUEST" });
});

test("P6: where the history is cut off, that is said", async () => {
  const { collector, refresh, pull } = await startGreen();
  pull.merge();
  const shallow = checkoutOf({ head: sha("tip"), ancestors: undefined });
  await refresh(shallow);
  const known = collector.known(shallow);
  expect(known).toMatchObject({
    outcome: "data",
    metadata: { github: { repo: { name: "octo/app" } } },
    warning: { reason: "HISTORY_CUT_OFF", message: expect.stringContaining("#1") },
  });
  expect(pullIn(known)).toBeUndefined();
});

test("P8: without a branch there is nothing to ask", async () => {
  const { asked, collector, refresh } = await startGreen();
  const { branch: _, ...detached } = CHECKOUT;
  expect(collector.known(detached)).toMatchObject({ outcome: "no_data", reason: "DETACHED_HEAD" });
  expect(collector.known(detached)).not.toHaveProperty("confirmedAt");
  expect(collector.dueAtMs(detached)).toBeUndefined();
  expect(collector.about(detached)).toBeUndefined();
  await refresh(detached);
  expect(asked()).toEqual([]);
});

test("P3: a pull request that was checked out by its number is one request a round", async () => {
  const { asked, collector, refresh, time, use } = await startGreen();
  const checkout = checkoutOf({
    branch: "pr-1",
    head: HEAD,
    branchConfig: { remote: "origin", merge: "refs/pull/1/head" },
  });
  await refresh(checkout);
  expect(pullIn(collector.known(checkout))).toMatchObject({ number: 1, headInSync: true, additions: 1 });
  expect(asked()).toHaveLength(4);
  await time.advance(30_000);
  await refresh(checkout);
  expect(asked()).toEqual(["/repos/octo/app/pulls/1"]);
  await use(checkout, 600_000);
  expect(asked()).toHaveLength(20);
});

test("P4: a fork's pull request is found at its parent, and the fork is not asked while it is open", async () => {
  const { asked, collector, github, refresh, time } = await startScene();
  const parent = github.repo("octo/app");
  github.repo("me/app", { parent });
  const pull = parent.pull({ head: "me:topic", headSha: HEAD });
  const fork = checkoutOf({ origin: "me/app", ancestors: [] });
  await refresh(fork);
  expect(collector.known(fork)).toMatchObject({ metadata: { github: { repo: { name: "octo/app" } } } });
  asked();
  await time.advance(7_200_000);
  await refresh(fork);
  expect(asked().filter((url) => url.includes("/pulls?"))).toHaveLength(1);
  pull.update({ headRepo: null });
  await time.advance(30_000);
  await refresh(fork);
  expect(pullIn(collector.known(fork))).toMatchObject({ number: 1 });
});

test("P9: checks that the token may not read harm nothing else", async () => {
  const { collector, credential, refresh } = await startGreen();
  credential.lacks = ["checks"];
  await refresh(CHECKOUT);
  const known = collector.known(CHECKOUT);
  expect(pullIn(known)).toMatchObject({
    number: 1,
    checks: { status: ChecksStatus.UNAVAILABLE, failing: [] },
    review: { status: ReviewStatus.NONE },
    mergeable: PullRequestMergeable.MERGEABLE,
  });
  expect(pullIn(known)?.checks).not.toHaveProperty("total");
  expect(known).toMatchObject({
    warning: { reason: "FORBIDDEN", message: expect.stringMatching(/^check runs: /) },
  });
});

test("P9: a thousand checks on ten pages, one of which failed", async () => {
  const { collector, refresh, repo } = await startGreen();
  for (let index = 0; index < 999; index += 1) {
    repo.check(HEAD, { name: `check ${index}`, conclusion: index === 950 ? "timed_out" : "skipped" });
  }
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))?.checks).toEqual({
    status: ChecksStatus.FAILING,
    total: 1_000,
    passed: 999,
    failed: 1,
    pending: 0,
    failing: ["check 950"],
  });
  repo.check(HEAD, { name: "one too many", conclusion: "success" });
  const { collector: another, github, refresh: refreshAnother } = await startScene();
  const other = github.repo("octo/app");
  other.pull({ head: "topic" });
  for (let index = 0; index < 1_001; index += 1) {
    other.check(HEAD, { name: `check ${index}`, conclusion: "success" });
  }
  await refreshAnother(CHECKOUT);
  const known = another.known(CHECKOUT);
  expect(pullIn(known)?.checks?.status).toBe(ChecksStatus.UNAVAILABLE);
  expect(known).toMatchObject({ warning: { reason: "INCOMPLETE" } });
});

test("P10: of more reviews than are read there is no verdict, which is said", async () => {
  const { collector, pull, refresh, time } = await startGreen();
  pull.review("ben", "APPROVED");
  for (let count = 1; count < 1_000; count += 1) pull.review("ben", "COMMENTED");
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))?.review).toEqual({ status: ReviewStatus.APPROVED });
  await time.advance(60_000);
  pull.review("cid", "CHANGES_REQUESTED");
  await refresh(CHECKOUT);
  const known = collector.known(CHECKOUT);
  expect(pullIn(known)).toMatchObject({ checks: { status: ChecksStatus.PASSING } });
  expect(pullIn(known)).not.toHaveProperty("review");
  expect(known).toMatchObject({ warning: { reason: "INCOMPLETE" } });
});

test("P10: a review is seen that comes in the same second as the change before it, which GitHub's times do not tell apart", async () => {
  const { collector, pull, refresh, time, use } = await startGreen();
  await refresh(CHECKOUT);
  await time.advance(30_000);
  pull.update({ title: "Add two doors" });
  await refresh(CHECKOUT);
  const { updatedAt } = pull.fields;
  pull.review("ben", "APPROVED");
  expect(pull.fields).toMatchObject({ updatedAt });
  await use(CHECKOUT, 60_000);
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ review: { status: ReviewStatus.APPROVED } });
});

test("P7: of two pull requests of one number, in a fork and in its parent, neither is shown with what belongs to the other", async () => {
  const { collector, github, refresh, time } = await startScene();
  const parent = github.repo("octo/app");
  const fork = github.repo("me/app", { parent });
  const own = fork.pull({ head: "topic", headSha: HEAD, additions: 7 });
  own.review("ben", "APPROVED");
  const checkout = checkoutOf({ origin: "me/app" });
  await refresh(checkout);
  expect(pullIn(collector.known(checkout))).toMatchObject({
    url: "https://github.com/me/app/pull/1",
    review: { status: ReviewStatus.APPROVED },
  });
  await time.advance(60_000);
  own.close();
  parent.pull({ head: "me:topic", headSha: HEAD });
  github.faults.add(failure(502), 20, (url) => url.startsWith("/repos/octo/app/pulls/1"));
  await refresh(checkout);
  const pull = pullIn(collector.known(checkout));
  expect(pull).toMatchObject({ url: "https://github.com/octo/app/pull/1" });
  expect(pull).not.toHaveProperty("review");
  expect(pull).not.toHaveProperty("additions");
});

test("P19: one part that fails keeps the others, says so, and is tried again", async () => {
  const { collector, github, refresh, time, use } = await startGreen();
  const isDetails = (url: string) => url.endsWith("/pulls/1");
  github.faults.add(failure(502), 10, isDetails);
  await refresh(CHECKOUT);
  const known = collector.known(CHECKOUT);
  expect(pullIn(known)).toMatchObject({ number: 1, checks: { status: ChecksStatus.PASSING } });
  expect(pullIn(known)).not.toHaveProperty("additions");
  expect(known).toMatchObject({ warning: { message: expect.stringMatching(/^details: /) } });
  github.faults.clear();
  await time.advance(1_000);
  await use(CHECKOUT, 60_000);
  const later = collector.known(CHECKOUT);
  expect(pullIn(later)).toMatchObject({ additions: 1, mergeable: PullRequestMergeable.MERGEABLE });
  expect(later).not.toHaveProperty("warning");
});

test("P19: a part that hangs does not hold up what is known already, the first time", async () => {
  const { collector, github } = await startGreen();
  github.faults.add({ kind: "hang" }, 1, (url) => url.endsWith("/pulls/1"));
  const watching = new AbortController();
  const told = new Promise<void>((resolve) => collector.watch?.(resolve, watching.signal));
  const asking = new AbortController();
  const refreshed = collector.refresh(CHECKOUT, { signal: asking.signal });
  await told;
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ number: 1, title: "Add a door" });
  expect(pullIn(collector.known(CHECKOUT))).not.toHaveProperty("checks");
  asking.abort(new Error("enough"));
  await expect(refreshed).rejects.toThrow("enough");
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ number: 1 });
  watching.abort();
});

test("P18: a token that is refused is not tried again", async () => {
  const { asked, collector, credential, refresh } = await startGreen();
  await refresh(CHECKOUT);
  asked();
  credential.isRevoked = true;
  await expect(refresh(CHECKOUT)).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  expect(asked()).toHaveLength(1);
  expect(collector.dueAtMs(CHECKOUT)).toBeUndefined();
  expect(collector.obstacle).toMatchObject({ reason: "UNAUTHENTICATED" });
});

test("P19: when the list fails, what was known stays, and it is tried again after longer and longer", async () => {
  const { collector, github, refresh, time } = await startGreen();
  await refresh(CHECKOUT);
  const known = collector.known(CHECKOUT);
  github.faults.add(failure(500), 1_000);
  const waitsMs: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    await time.advance(round === 0 ? 30_000 : (waitsMs.at(-1) ?? 0));
    await expect(refresh(CHECKOUT)).rejects.toMatchObject({
      name: "CollectError",
      message: expect.stringContaining("(pull requests of octo/app, head octo/app:topic)"),
    });
    waitsMs.push((collector.dueAtMs(CHECKOUT) ?? Number.NaN) - time.monotonicMs());
    expect(collector.known(CHECKOUT)).toBe(known);
  }
  expect(waitsMs).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  github.faults.clear();
  await refresh(CHECKOUT);
  expect((collector.dueAtMs(CHECKOUT) ?? Number.NaN) - time.monotonicMs()).toBe(30_000);
});

test("P17: nothing is asked while a limit holds, and what was found before it is told", async () => {
  const { asked, collector, credential, pull, refresh, time } = await startGreen();
  await refresh(CHECKOUT);
  pull.update({ title: "Another" });
  credential.used = 5_000;
  await time.advance(30_000);
  await expect(refresh(CHECKOUT)).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  expect(pullIn(collector.known(CHECKOUT))?.title).toBe("Add a door");
  const dueMs = (collector.dueAtMs(CHECKOUT) ?? Number.NaN) - time.monotonicMs();
  expect(dueMs).toBeGreaterThanOrEqual(3_500_000);
  asked();
  await expect(refresh(CHECKOUT)).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  expect(asked()).toEqual([]);
});

test("P11: mergeable is asked for again soon while GitHub computes, and the last value is kept", async () => {
  const { asked, collector, refresh, pull, repo, time } = await startGreen();
  repo.check(sha("pushed"), { name: "build", conclusion: "success", completedAt: "2026-01-01T00:00:00Z" });
  const due = () => (collector.dueAtMs(CHECKOUT) ?? Number.NaN) - time.monotonicMs();
  const mergeable = () => pullIn(collector.known(CHECKOUT))?.mergeable;
  await refresh(CHECKOUT);
  pull.update({ mergeable: null, headSha: sha("pushed") });
  await time.advance(30_000);
  await refresh(CHECKOUT);
  expect(mergeable()).toBe(PullRequestMergeable.MERGEABLE);
  expect(due()).toBe(11_000);
  asked();
  await time.advance(11_000);
  await refresh(CHECKOUT);
  expect(asked()).toEqual(["/repos/octo/app/pulls/1"]);
  pull.fields.mergeable = false;
  await time.advance(11_000);
  await refresh(CHECKOUT);
  expect(mergeable()).toBe(PullRequestMergeable.CONFLICTING);
});

test("P11: a base branch that moved is noticed, though the list does not tell", async () => {
  const { collector, refresh, pull, use } = await startGreen();
  await refresh(CHECKOUT);
  pull.fields.mergeable = false;
  await use(CHECKOUT, 30_000);
  expect(pullIn(collector.known(CHECKOUT))?.mergeable).toBe(PullRequestMergeable.CONFLICTING);
});

test("P9, P16: checks that are run again are noticed, the sooner the less time has gone by since they ended", async () => {
  const { collector, refresh, repo, time, use } = await startGreen();
  const status = () => pullIn(collector.known(CHECKOUT))?.checks?.status;
  const [run] = repo.checks.get(HEAD) ?? [];
  Object.assign(run ?? {}, { completedAt: new Date(time.wallMs()).toISOString() });
  await refresh(CHECKOUT);
  await use(CHECKOUT, 1_200_000);
  Object.assign(run ?? {}, { status: "in_progress", conclusion: null });
  await use(CHECKOUT, 300_000);
  expect(status()).toBe(ChecksStatus.PENDING);
  Object.assign(run ?? {}, { status: "completed", conclusion: "success" });
  await use(CHECKOUT, 86_400_000);
  expect(status()).toBe(ChecksStatus.PASSING);
  Object.assign(run ?? {}, { status: "in_progress", conclusion: null });
  await use(CHECKOUT, 21_630_000);
  expect(status()).toBe(ChecksStatus.PENDING);
});

test.each([
  ["a check run", "clean", "unstable"],
  ["a check run that a missing review hides", "blocked", "blocked"],
])(
  "P9, P14: %s that changes on a quiet pull request is noticed within a minute",
  async (_, before, after) => {
    const { collector, pull, refresh, repo, use } = await startGreen();
    pull.fields.mergeableState = before;
    await refresh(CHECKOUT);
    await use(CHECKOUT, 86_400_000);
    repo.check(HEAD, { name: "build", conclusion: "failure" });
    pull.fields.mergeableState = after;
    await use(CHECKOUT, before === after ? 60_000 : 30_000);
    expect(pullIn(collector.known(CHECKOUT))?.checks?.status).toBe(ChecksStatus.FAILING);
    pull.review("ben", "APPROVED");
    await use(CHECKOUT, 60_000);
    expect(pullIn(collector.known(CHECKOUT))?.review?.status).toBe(ReviewStatus.APPROVED);
  },
);

test("P9, P14: of check runs and statuses, each has its turn where a missing review hides them", async () => {
  const { asked, collector, github, pull, refresh, repo, use } = await startGreen();
  pull.fields.mergeableState = "blocked";
  repo.status(HEAD, "deploy", "success");
  await refresh(CHECKOUT);
  await use(CHECKOUT, 86_400_000);
  repo.status(HEAD, "deploy", "failure");
  await use(CHECKOUT, 120_000);
  expect(pullIn(collector.known(CHECKOUT))?.checks?.status).toBe(ChecksStatus.FAILING);
  await use(CHECKOUT, 86_400_000);
  github.books.clear();
  await use(CHECKOUT, 3_600_000);
  expect(github.books.points).toBe(0);
  expect(asked().length).toBeLessThanOrEqual(124);
});

test("P9, P14: checks that run do not take the turn of the pull request, whatever hides them", async () => {
  const { collector, pull, refresh, repo, use } = await startGreen();
  pull.fields.mergeableState = "blocked";
  repo.check(HEAD, { name: "long" });
  await refresh(CHECKOUT);
  for (const title of ["Two doors", "Three doors", "Four doors", "Five doors"]) {
    pull.update({ title });
    await use(CHECKOUT, 32_000);
    expect(pullIn(collector.known(CHECKOUT))?.title).toBe(title);
  }
});

test("P5: another pull request of the same head is noticed, though that is in no one's details", async () => {
  const { collector, refresh, repo, use } = await startGreen();
  await refresh(CHECKOUT);
  repo.pull({ head: "topic", title: "A newer one" });
  await use(CHECKOUT, 7_230_000);
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({ title: "A newer one", count: 2 });
});

test("nothing torn: a head that moves while it is asked about is followed", async () => {
  const { collector, github, refresh, pull, repo, time } = await startGreen();
  await refresh(CHECKOUT);
  pull.update({ title: "New" });
  repo.check(sha("pushed"), { name: "build", conclusion: "failure" });
  await time.advance(30_000);
  github.faults.add({ kind: "slow", delayMs: 0 }, 1, (url) => {
    const isDetails = url.endsWith("/pulls/1");
    if (isDetails) pull.update({ headSha: sha("pushed"), updatedAt: "2030-01-01T00:00:00Z" });
    return isDetails;
  });
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))).toMatchObject({
    headSha: sha("pushed"),
    checks: { status: ChecksStatus.FAILING },
  });
});

test("nothing torn: values of another head are not told when the new one's cannot be had", async () => {
  const { collector, github, refresh, pull, time } = await startGreen();
  await refresh(CHECKOUT);
  pull.push(sha("pushed"));
  await time.advance(30_000);
  github.faults.add(failure(500), 100, (url) => !url.includes("/pulls?"));
  await refresh(CHECKOUT);
  const told = pullIn(collector.known(CHECKOUT));
  expect(told).toMatchObject({ headSha: sha("pushed") });
  for (const name of ["checks", "review", "additions"]) expect(told).not.toHaveProperty(name);
});

test("a hostile title is handed on as it is", async () => {
  const { collector, refresh, pull } = await startGreen();
  const title = `\u001b[31m\u202e${"x".repeat(10_000)}\u0000`;
  pull.update({ title });
  await refresh(CHECKOUT);
  expect(pullIn(collector.known(CHECKOUT))?.title).toBe(title);
});

test("an answer that lacks what it should have is a bad one", async () => {
  const { collector, github, refresh } = await startGreen();
  const pull = { number: -1, state: "open", title: "", html_url: "", updated_at: "" };
  const body = JSON.stringify([{ ...pull, head: { ref: "topic", sha: HEAD }, base: { ref: "main" } }]);
  github.faults.add({ kind: "answer", status: 200, body }, 2, (url) => url.includes("/pulls?"));
  await expect(refresh(CHECKOUT)).rejects.toMatchObject({ reason: "BAD_ANSWER" });
  expect(collector.known(CHECKOUT)).toBeUndefined();
});
