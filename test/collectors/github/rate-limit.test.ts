// The budget at the gate: what GitHub says of its limits is kept to.

import fc from "fast-check";
import { expect, test } from "vitest";
import { CollectError } from "../../../src/collectors/collector.ts";
import { createBudget } from "../../../src/collectors/github/budget.ts";
import { createTokenSource } from "../../../src/collectors/github/token.ts";
import { type Fault, secondaryLimit } from "../../helpers/github.ts";
import { rejection, startGatedGitHub, TOKEN } from "../../helpers/github-api.ts";
import { ManualTime } from "../../helpers/manual-time.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test("P17: the rate limit is known as last seen", async () => {
  const { github, api, pulls } = await startGatedGitHub();
  expect(api.rateLimit).toBeUndefined();
  await pulls();
  const { resetMs } = github.token(TOKEN);
  expect(api.rateLimit).toEqual({ limit: 5_000, remaining: 4_999, resetMs });
});

test("P17: the primary limit is reached: no request until it is renewed, and the time is said", async () => {
  const { github, api, time, pulls } = await startGatedGitHub();
  await pulls();
  await time.advance(20 * MINUTE_MS);
  github.token(TOKEN).spend(5_000);
  github.repo("o/n").pulls[0]?.update({ title: "another" });

  const error = await rejection(pulls());
  expect(error).toBeInstanceOf(CollectError);
  expect(error).toMatchObject({ reason: "RATE_LIMITED" });
  expect(String(error)).toMatch(/rate limit of 5000 requests an hour is used up.*2026-01-01T01:01:\d\dZ/);
  const untilMs = api.blockedUntilMs ?? 0;
  expect(untilMs - time.monotonicMs()).toBeGreaterThan(40 * MINUTE_MS);
  expect(untilMs - time.monotonicMs()).toBeLessThan(42 * MINUTE_MS);

  const asked = github.books.requests.length;
  await time.advance(39 * MINUTE_MS);
  await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  expect(github.books.requests).toHaveLength(asked);

  await time.advance(untilMs - time.monotonicMs());
  expect(api.blockedUntilMs).toBeUndefined();
  expect((await pulls()).pages).toMatchObject([[{ title: "another" }]]);
});

const limits: readonly [string, Fault, number, number][] = [
  ["a 403 with Retry-After", secondaryLimit(300), 300_000, 361_000],
  ["a 429 with Retry-After", secondaryLimit(300, 429), 300_000, 361_000],
  ["a 403 without", secondaryLimit(), 60_000, 121_000],
  ["a 429 without", secondaryLimit(undefined, 429), 60_000, 121_000],
  ["a 429 without any words", { kind: "answer", status: 429, body: "" }, 60_000, 121_000],
  ["a Retry-After of a day", secondaryLimit(86_400), HOUR_MS, HOUR_MS],
  [
    "a Retry-After as a date",
    {
      kind: "answer",
      status: 403,
      body: "{}",
      headers: { "retry-after": new Date(Date.UTC(2026, 0, 1, 0, 10)).toUTCString() },
    },
    600_000,
    661_000,
  ],
  [
    "the older words",
    { kind: "answer", status: 403, body: '{"message":"You have triggered an abuse detection mechanism."}' },
    60_000,
    121_000,
  ],
];

test.each(limits)("P17: %s: no request at all until it is over", async (_name, fault, leastMs, mostMs) => {
  const { github, api, time, pulls, get } = await startGatedGitHub();
  await pulls();
  github.faults.add(fault);
  await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  const waitMs = (api.blockedUntilMs ?? 0) - time.monotonicMs();
  expect(waitMs).toBeGreaterThanOrEqual(leastMs);
  expect(waitMs).toBeLessThanOrEqual(mostMs);

  await time.advance(waitMs - 1);
  await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  await expect(get("GET /repos/{owner}/{repo}", { owner: "o", repo: "n" })).rejects.toMatchObject({
    reason: "RATE_LIMITED",
  });
  expect(github.books.requests).toHaveLength(2);
  await time.advance(1);
  expect((await pulls()).isUnchanged).toBe(true);
});

test("P17: limited again and again, it waits longer each time, an hour at most", async () => {
  const { github, api, time, pulls } = await startGatedGitHub();
  const waitsMs: number[] = [];
  for (let time_ = 0; time_ < 8; time_ += 1) {
    github.faults.add(secondaryLimit());
    await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
    waitsMs.push((api.blockedUntilMs ?? 0) - time.monotonicMs());
    await time.advance(waitsMs.at(-1) ?? 0);
  }
  expect(waitsMs.map((ms) => Math.round(ms / MINUTE_MS))).toEqual([2, 3, 5, 9, 17, 33, 60, 60]);
  await pulls();
  github.faults.add(secondaryLimit());
  await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  expect(((api.blockedUntilMs ?? 0) - time.monotonicMs()) / MINUTE_MS).toBeLessThan(2.1);
});

test("P17: servers with one token do not all come back in the same moment", async () => {
  const waitsMs = [];
  for (const random of [0, 0.25, 0.999]) {
    const { github, api, time, pulls } = await startGatedGitHub({ random: () => random });
    github.faults.add(secondaryLimit(120));
    await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
    waitsMs.push(Math.round(((api.blockedUntilMs ?? 0) - time.monotonicMs()) / 1_000));
  }
  expect(waitsMs).toEqual([121, 151, 241]);
});

test("P17: the reserve is left to others", async () => {
  const { github, api, time, pulls } = await startGatedGitHub();
  github.token(TOKEN).spend(4_499);
  await pulls();
  await expect(pulls()).rejects.toMatchObject({
    reason: "RATE_LIMITED",
    message: expect.stringContaining("the last 500 of 5000 requests an hour are left to others"),
  });
  expect(github.books.requests).toHaveLength(1);
  await time.advance((api.blockedUntilMs ?? 0) - time.monotonicMs());
  await pulls();
  expect(api.rateLimit?.remaining).toBe(5_000);
});

test("P17: the time until the reset is GitHub's, when the clock here is wrong", async () => {
  const { github, time } = await startGatedGitHub();
  const wrong = { wallMs: () => time.wallMs() - 86_400_000, monotonicMs: () => time.monotonicMs() };
  const late = await startGatedGitHub({ clock: wrong, apiUrl: github.apiUrl });
  github.token(TOKEN).spend(5_000);
  await expect(late.pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  expect((late.api.blockedUntilMs ?? 0) - time.monotonicMs()).toBeLessThanOrEqual(HOUR_MS);
  expect((late.api.blockedUntilMs ?? 0) - time.monotonicMs()).toBeGreaterThan(HOUR_MS - MINUTE_MS);
});

test("P17: the pace is free while there is plenty, and slows down with what all servers together have spent", async () => {
  const { github, api, time, pulls } = await startGatedGitHub();
  const spend = async (points: number): Promise<number> => {
    github.token(TOKEN).spend(points);
    github.repo("o/n").pulls[0]?.update({ title: String(github.token(TOKEN).used) });
    await pulls();
    return api.paceMs;
  };
  expect(await spend(0)).toBe(0);
  await time.advance(20 * MINUTE_MS);
  expect(await spend(100)).toBeLessThan(2_000);
  await time.advance(10 * MINUTE_MS);
  // However fast the others are: what is left will do.
  expect(await spend(2_000)).toBe(30_000);

  const paces = [await spend(800), await spend(300), await spend(300)];
  expect(paces[0]).toBeGreaterThan(100_000);
  expect(paces[1]).toBeGreaterThan(2 * (paces[0] ?? 0));
  expect(paces[2]).toBe(30 * MINUTE_MS);

  // Unchanged, it costs nothing, and what was spent is paid for by the wait.
  await time.advance(paces[2] ?? 0);
  await pulls();
  expect(api.paceMs).toBeLessThanOrEqual(30_000);
  await time.advance(2 * MINUTE_MS);
  await pulls();
  expect(api.paceMs).toBe(0);
});

test("P17: a server that is alone with its token is not slowed down by its own hurry", async () => {
  const { github, api, time, pulls } = await startGatedGitHub();
  for (let round = 0; round < 60; round += 1) {
    github.repo("o/n").pulls[0]?.update({ title: `round ${round}` });
    await pulls();
    expect(api.paceMs).toBe(0);
    await time.advance(100);
  }
});

test("P18: without a token public repositories still work, and the pace keeps to 60 points an hour", async () => {
  const { github, api, time, pulls } = await startGatedGitHub({ token: createTokenSource({}) });
  const startMs = time.monotonicMs();
  let rounds = 0;
  while (time.monotonicMs() - startMs < HOUR_MS) {
    expect((await pulls()).pages).toHaveLength(1);
    rounds += 1;
    await time.advance(Math.max(30_000, api.paceMs));
  }
  expect(rounds).toBeGreaterThan(30);
  expect(github.anonymous.remaining === 60 ? 0 : github.anonymous.used).toBeLessThanOrEqual(40);
  expect(github.books.points).toBeLessThanOrEqual(41);
  expect(github.books.requests.every(({ token }) => token === undefined)).toBe(true);
});

test("P17: whatever the headers hold, there is a pace and an end", () => {
  const header = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.nat(10_000).map(String),
    fc.constant(undefined),
  );
  const names = ["limit", "remaining", "reset", "resource", "used"].map((name) => `x-ratelimit-${name}`);
  const headers = fc.record(
    Object.fromEntries([...names, "retry-after", "date"].map((name) => [name, header])),
  );
  const reply = fc.record({ status: fc.constantFrom(200, 304, 403, 429), headers, body: fc.string() });
  const time = new ManualTime();
  fc.assert(
    fc.property(fc.array(fc.tuple(reply, fc.nat(1), fc.boolean()), { maxLength: 5 }), (replies) => {
      const budget = createBudget({ clock: time, random: () => 0.999 });
      for (const [told, points, isLimited] of replies) {
        if (isLimited) {
          budget.noteLimited(told);
          expect(budget.blockedUntilMs).toBeGreaterThan(time.monotonicMs());
        } else {
          budget.note(told, points);
        }
        expect(budget.paceMs).toBeGreaterThanOrEqual(0);
        expect(budget.paceMs).toBeLessThanOrEqual(HOUR_MS);
        expect((budget.blockedUntilMs ?? 0) - time.monotonicMs()).toBeLessThanOrEqual(HOUR_MS);
      }
    }),
  );
});
