// Conditional requests, pages and moved repositories, through real HTTP.

import { expect, test } from "vitest";
import type { Fault } from "../../helpers/github.ts";
import { startGatedGitHub } from "../../helpers/github-api.ts";

const PULLS = "GET /repos/{owner}/{repo}/pulls";
const REVIEWS = "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews";
const CHECKS = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";

test("P13: what has not changed costs nothing, and is the same object", async () => {
  const { github, pulls } = await startGatedGitHub();
  const first = await pulls();
  expect(first).toMatchObject({ isUnchanged: false, isComplete: true });
  expect(first.pages).toMatchObject([[{ number: 1, head: { label: "me:work" } }]]);
  expect(github.books.points).toBe(1);

  const second = await pulls();
  expect(second.isUnchanged).toBe(true);
  expect(second.pages).toBe(first.pages);
  expect(github.books.points).toBe(1);

  github.repo("o/n").pulls[0]?.update({ title: "another" });
  const third = await pulls();
  expect(third).toMatchObject({ isUnchanged: false, pages: [[{ title: "another" }]] });
  expect(github.books.points).toBe(2);
});

test("P13: an hour of questions in which nothing happens costs 0 points after the first round", async () => {
  const { github, api, time, pulls, get } = await startGatedGitHub();
  const [pull] = github.repo("o/n").pulls;
  const ref = pull?.fields.headSha ?? "";
  const round = async (): Promise<void> => {
    await pulls();
    await get("GET /repos/{owner}/{repo}/pulls/{pull_number}", { owner: "o", repo: "n", pull_number: 1 });
    await get(REVIEWS, { owner: "o", repo: "n", pull_number: 1 });
    await get(CHECKS, { owner: "o", repo: "n", ref });
    await get("GET /repos/{owner}/{repo}/commits/{ref}/status", { owner: "o", repo: "n", ref });
    await get("GET /repos/{owner}/{repo}", { owner: "o", repo: "n" });
  };
  await round();
  expect(github.books.points).toBe(6);
  for (let minute = 0; minute < 60; minute += 1) {
    await time.advance(60_000);
    await round();
  }
  expect(github.books.points).toBe(6);
  expect(github.books.requests).toHaveLength(61 * 6);
  expect(api.paceMs).toBe(0);
});

test("P13: every page has a validator of its own", async () => {
  const { github, get } = await startGatedGitHub();
  const repo = github.repo("o/n");
  const ref = repo.pulls[0]?.fields.headSha ?? "";
  for (let index = 0; index < 250; index += 1) {
    repo.check(ref, { name: `check ${index}`, conclusion: "success" });
  }
  const first = await get(CHECKS, { owner: "o", repo: "n", ref });
  expect(first.pages.map(({ check_runs: runs }) => runs.length)).toEqual([100, 100, 50]);
  expect(first.isComplete).toBe(true);
  expect((await get(CHECKS, { owner: "o", repo: "n", ref })).pages).toBe(first.pages);
  expect(github.books.points).toBe(3);

  const last = repo.checks.get(ref)?.at(-1);
  expect(last).toBeDefined();
  Object.assign(last ?? {}, { conclusion: "failure" });
  const changed = await get(CHECKS, { owner: "o", repo: "n", ref });
  expect(changed.isUnchanged).toBe(false);
  expect(changed.pages[0]).toBe(first.pages[0]);
  expect(changed.pages[2]?.check_runs.at(-1)?.conclusion).toBe("failure");
  expect(github.books.points).toBe(4);
});

test("a page that comes to follow a full one is noticed", async () => {
  const { github, get } = await startGatedGitHub();
  const [pull] = github.repo("o/n").pulls;
  for (let index = 0; index < 100; index += 1) {
    pull?.review(`reviewer${index}`, "APPROVED");
  }
  const ask = async () => (await get(REVIEWS, { owner: "o", repo: "n", pull_number: 1 })).pages;
  expect((await ask()).map((page) => page.length)).toEqual([100]);
  expect((await ask()).map((page) => page.length)).toEqual([100]);
  pull?.review("last", "CHANGES_REQUESTED");
  expect((await ask()).map((page) => page.length)).toEqual([100, 1]);
});

test("more pages than may be read are said to be missing", async () => {
  const { github, get } = await startGatedGitHub();
  const repo = github.repo("o/n");
  const ref = repo.pulls[0]?.fields.headSha ?? "";
  for (let index = 0; index < 1_001; index += 1) {
    repo.check(ref, { name: `check ${index}` });
  }
  const { pages, isComplete } = await get(CHECKS, { owner: "o", repo: "n", ref });
  expect(pages).toHaveLength(10);
  expect(isComplete).toBe(false);
});

test("P19: so are pages that are not read because those before them are very long", async () => {
  const { github, get } = await startGatedGitHub();
  const repo = github.repo("o/n");
  const ref = repo.pulls[0]?.fields.headSha ?? "";
  for (let index = 0; index < 500; index += 1) {
    repo.check(ref, { name: `check ${index} ${"x".repeat(60_000)}` });
  }
  const { pages, isComplete } = await get(CHECKS, { owner: "o", repo: "n", ref });
  expect(pages).toHaveLength(2);
  expect(isComplete).toBe(false);
});

test("a renamed repository is followed, and its new place is remembered: unchanged, it costs nothing", async () => {
  const { github, time, pulls } = await startGatedGitHub();
  const repo = github.repo("o/n");
  const before = await pulls();
  repo.rename("elsewhere/m");
  expect((await pulls()).pages).toMatchObject([[{ number: 1 }]]);
  expect((await pulls()).isUnchanged).toBe(true);
  expect((await pulls()).pages).not.toBe(before.pages);
  expect(github.books.requests.map(({ status }) => status)).toEqual([200, 301, 200, 304, 304]);

  // Former names may be given away.
  await time.advance(3_600_000);
  await pulls();
  expect(github.books.requests.slice(5).map(({ status }) => status)).toEqual([301, 304]);
});

test("a repository that is gone from where it had moved to is looked for under its own name again", async () => {
  const { github, pulls } = await startGatedGitHub();
  const repo = github.repo("o/n");
  repo.rename("elsewhere/m");
  await pulls();
  github.faults.add({ kind: "answer", status: 404, body: '{"message":"Not Found"}' }, 1, (url) =>
    url.startsWith(`/repositories/${repo.id}/`),
  );
  expect((await pulls()).pages).toMatchObject([[{ number: 1 }]]);
  expect(github.books.requests.map(({ status }) => status)).toEqual([301, 200, 404, 301, 304]);
});

test("a repository that has moved to where it cannot be seen is not found", async () => {
  const { github, pulls } = await startGatedGitHub();
  const repo = github.repo("o/n").rename("elsewhere/m");
  await pulls();
  const hidden: Fault = { kind: "answer", status: 404, body: '{"message":"Not Found"}' };
  github.faults.add(hidden, Number.POSITIVE_INFINITY, (url) => url.startsWith(`/repositories/${repo.id}/`));
  await expect(pulls()).rejects.toMatchObject({ reason: "NOT_FOUND_OR_NO_ACCESS" });
  expect(github.books.requests.map(({ status }) => status)).toEqual([301, 200, 404, 301, 404]);
});

test("branches with slashes and signs are asked for as they are called", async () => {
  const { github, get } = await startGatedGitHub();
  github.repo("o/n").pull({ head: "me:fix/a b#c&d+e%2f\u{e9}" });
  const { pages } = await get(PULLS, { owner: "o", repo: "n", head: "me:fix/a b#c&d+e%2f\u{e9}" });
  expect(pages).toMatchObject([[{ number: 2 }]]);
});

test("questions are asked one after the other", async () => {
  const { github, pulls, get } = await startGatedGitHub();
  const repo = { owner: "o", repo: "n" };
  await Promise.all([
    pulls(),
    get("GET /repos/{owner}/{repo}", repo),
    get(REVIEWS, { ...repo, pull_number: 1 }),
    pulls(),
  ]);
  expect(github.books.peakConcurrency).toBe(1);
  expect(github.books.requests.map(({ status }) => status)).toEqual([200, 200, 200, 304]);
});
