// What GitHub refuses, and what is said of it.

import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTokenSource } from "../../../src/collectors/github/token.ts";
import { createTransport } from "../../../src/collectors/github/transport.ts";
import type { Fault } from "../../helpers/github.ts";
import { rejection, startGatedGitHub, TOKEN } from "../../helpers/github-api.ts";
import { until } from "../../helpers/wait.ts";

const OTHER_TOKEN = "github_pat_11ABCDEFG0123456789_abcdefghijklmnopqrstuvwxyz";

test("P18: a refused token is asked with once, and not again", async () => {
  const { github, api, time, pulls } = await startGatedGitHub({
    token: createTokenSource({ token: "ghp_revoked" }),
  });
  const errors = await Promise.all([rejection(pulls()), rejection(pulls()), rejection(pulls())]);
  for (const error of errors) {
    expect(error).toMatchObject({
      reason: "UNAUTHENTICATED",
      message: expect.stringContaining("Bad credentials"),
    });
  }
  await time.advance(86_400_000);
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  expect(api.blockedUntilMs).toBe(Number.POSITIVE_INFINITY);
  expect(github.books.requests).toHaveLength(1);
});

function tokenFile(token: string): { file: string; write: (token: string) => void } {
  const directory = mkdtempSync(join(tmpdir(), "token-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "token");
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, `${text}\n`);
    renameSync(`${file}.new`, file);
  };
  write(token);
  return { file, write };
}

test("P18: another token in the file is used for the next question", async () => {
  const { file, write } = tokenFile("ghp_revoked");
  const { github, pulls } = await startGatedGitHub({ token: createTokenSource({ file }) });
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  write(TOKEN);
  await pulls();
  github.token(OTHER_TOKEN);
  write(OTHER_TOKEN);
  await pulls();
  expect(github.books.requests.map(({ token }) => token)).toEqual(["ghp_revoked", TOKEN, OTHER_TOKEN]);
});

test("P18: a file that appears later is noticed while nobody asks, and told of", async () => {
  const { file, write } = tokenFile(TOKEN);
  rmSync(file);
  const { api, time, pulls } = await startGatedGitHub({ token: createTokenSource({ file }) });
  let told = 0;
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  api.watch(() => {
    told += 1;
  }, ended.signal);
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  await expect(api.reload()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  expect(told).toBe(0);
  write(TOKEN);
  await time.advance(10_000);
  await until(() => told === 1, "that the token is there");
  await pulls();
  rmSync(file);
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  write(TOKEN);
  await api.reload();
  expect(told).toBe(2);
});

test("P18: a file that was written over in place is read again", async () => {
  const { file } = tokenFile(TOKEN);
  const source = createTokenSource({ file });
  expect(await source.read()).toBe(TOKEN);
  writeFileSync(file, OTHER_TOKEN);
  expect(await source.read()).toBe(OTHER_TOKEN);
});

test("P18: nobody has to ask for another token in the file to be noticed", async () => {
  const { file, write } = tokenFile("ghp_revoked");
  const { github, api, time, pulls } = await startGatedGitHub({ token: createTokenSource({ file }) });
  const ended = new AbortController();
  let changes = 0;
  api.watch(() => {
    changes += 1;
  }, ended.signal);
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });

  for (const gone of [false, true]) {
    if (gone) {
      rmSync(file);
    }
    await time.advance(10_000);
    await until(() => time.timersMs.length === 1, "the file was looked at");
  }
  expect(changes).toBe(0);
  write(TOKEN);
  await time.advance(10_000);
  await until(() => changes === 1, "the block was lifted");
  expect(api.blockedUntilMs).toBeUndefined();
  expect(time.timersMs).toEqual([]);
  expect((await pulls()).pages).toHaveLength(1);

  github.token(TOKEN).isRevoked = true;
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  expect(time.timersMs).toHaveLength(1);
  ended.abort();
  expect(time.timersMs).toEqual([]);
});

test("P18: reload reads the file at once, and lifts the block when it holds another token", async () => {
  const { file, write } = tokenFile("ghp_revoked");
  const { github, api, pulls } = await startGatedGitHub({ token: createTokenSource({ file }) });
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  await api.reload();
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  expect(github.books.requests).toHaveLength(1);
  write(TOKEN);
  await api.reload();
  expect(api.blockedUntilMs).toBeUndefined();
  await pulls();
});

test("P18: a refusal of the token before is not one of the token that has replaced it", async () => {
  const { file, write } = tokenFile("ghp_revoked");
  const http = createTransport();
  let replace: (() => Promise<boolean>) | undefined;
  const { github, api, pulls } = await startGatedGitHub({
    token: createTokenSource({ file }),
    transport: async (url, headers, signal) => {
      const reply = await http(url, headers, signal);
      await replace?.();
      return reply;
    },
  });
  replace = () => {
    write(TOKEN);
    return api.reload();
  };
  await expect(pulls()).rejects.toMatchObject({ reason: "UNAUTHENTICATED" });
  expect(api.blockedUntilMs).toBeUndefined();
  expect((await pulls()).pages).toHaveLength(1);
  expect(github.books.requests).toHaveLength(2);
});

test("P18: another token has a budget of its own", async () => {
  const { file, write } = tokenFile(TOKEN);
  const { github, api, pulls } = await startGatedGitHub({ token: createTokenSource({ file }) });
  github.token(TOKEN).spend(5_000);
  await expect(pulls()).rejects.toMatchObject({ reason: "RATE_LIMITED" });
  github.token(OTHER_TOKEN);
  write(OTHER_TOKEN);
  await pulls();
  expect(api.rateLimit?.remaining).toBe(4_999);
});

test.each([
  ["empty", "  \n", "is empty"],
  ["of several lines", "ghp_one\nghp_two", "characters that no token has"],
  ["with control characters", "ghp_one\u0000", "characters that no token has"],
])("P18: a token file that is %s is said to be so, and nothing is asked", async (_name, text, message) => {
  const { file, write } = tokenFile(text);
  const { github, pulls } = await startGatedGitHub({ token: createTokenSource({ file }) });
  const error = await rejection(pulls());
  expect(error).toMatchObject({ reason: "UNAUTHENTICATED", message: expect.stringContaining(message) });
  expect(String(error)).not.toContain("ghp_");
  expect(github.books.requests).toEqual([]);
  write(TOKEN);
  await pulls();
});

test("P18: a token file that is not there, or no file, is said to be so", async () => {
  const { file } = tokenFile(TOKEN);
  execFileSync("mkfifo", [`${file}.pipe`]);
  for (const [path, message] of [
    [`${file}.none`, "ENOENT"],
    [`${file}.pipe`, "cannot be read: a pipe"],
    [join(file, ".."), "EISDIR"],
  ] as const) {
    const { pulls } = await startGatedGitHub({ token: createTokenSource({ file: path }) });
    await expect(pulls()).rejects.toMatchObject({
      reason: "UNAUTHENTICATED",
      message: expect.stringContaining(message),
    });
  }
});

test("P18: single sign-on is demanded, with the address", async () => {
  const { github, api, pulls } = await startGatedGitHub();
  const url =
    "https://github.com/orgs/o/sso?authorization_request=AZSCKtL4U8yX1H3sCQIVnVgmjmon5fWxks5YrqhJgah0b2tlbl9pZM4EuMz4";
  github.repo("o/n").requireSso(url);
  await expect(pulls()).rejects.toMatchObject({
    reason: "SSO_REQUIRED",
    message: expect.stringContaining(url),
  });
  expect(api.blockedUntilMs).toBeUndefined();
  github.repo("o/n").requireSso(undefined);
  await pulls();
});

test.each([
  "javascript:alert(1)",
  "http://github.com/orgs/o/sso",
  "https://github.com.evil.example/orgs/o/sso",
  "https://me:secret@github.com/orgs/o/sso",
  "nonsense",
])("P18: an address for single sign-on that is not GitHub's is not passed on: %s", async (url) => {
  const { github, pulls } = await startGatedGitHub();
  github.repo("o/n").requireSso(url);
  const error = await rejection(pulls());
  expect(error).toMatchObject({ reason: "SSO_REQUIRED" });
  expect(String(error)).not.toContain(url);
});

test("P18: a missing permission is named, and harms nothing else", async () => {
  const { github, pulls, get } = await startGatedGitHub();
  github.token(TOKEN).lacks = ["checks"];
  const ref = github.repo("o/n").pulls[0]?.fields.headSha ?? "";
  await expect(
    get("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", { owner: "o", repo: "n", ref }),
  ).rejects.toMatchObject({
    reason: "FORBIDDEN",
    message: expect.stringMatching(
      /lacks the permission checks=read .*not accessible by personal access token/,
    ),
  });
  await pulls();
  await get("GET /repos/{owner}/{repo}/commits/{ref}/status", { owner: "o", repo: "n", ref });
});

test("P18: a private repository is not found, whoever asks without access", async () => {
  const { github, pulls, get } = await startGatedGitHub();
  github.token(TOKEN, { sees: ["o/other"] });
  const { github: other, get: getOther } = await startGatedGitHub({ token: createTokenSource({}) });
  other.repo("o/private", { isPrivate: true });
  const hidden = { owner: "o", repo: "private" };
  await expect(getOther("GET /repos/{owner}/{repo}", hidden)).rejects.toMatchObject({
    reason: "NOT_FOUND_OR_NO_ACCESS",
    message: expect.stringContaining("it is private and needs a token"),
  });
  await expect(
    get("GET /repos/{owner}/{repo}/commits/{ref}/status", { owner: "o", repo: "n", ref: "0".repeat(40) }),
  ).rejects.toMatchObject({ reason: "NOT_FOUND_OR_NO_ACCESS" });
  await pulls();
});

const elsewhere: readonly [string, string][] = [
  ["another host", "https://evil.example/repos/o/n/pulls"],
  ["another port", "http://127.0.0.1:1/repos/o/n/pulls"],
  ["another scheme", "ftp://127.0.0.1/"],
  ["nowhere", "http://"],
];

test.each(elsewhere)("P20: a redirect to %s is not followed", async (_name, location) => {
  const { github, pulls } = await startGatedGitHub();
  github.faults.add({ kind: "answer", status: 302, headers: { location } });
  await expect(pulls()).rejects.toMatchObject({ reason: "BAD_ANSWER" });
});

test.each([301, 302, 307, 308])("a redirect with %i in circles ends", async (status) => {
  const { github, pulls } = await startGatedGitHub();
  const circle: Fault = { kind: "answer", status, headers: { location: "/repos/o/n/pulls" } };
  github.faults.add(circle, Number.POSITIVE_INFINITY);
  await expect(pulls()).rejects.toMatchObject({
    reason: "BAD_ANSWER",
    message: expect.stringContaining("in circles"),
  });
  expect(github.books.requests).toHaveLength(4);
});
