import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diagnose } from "../../helpers/doctor.ts";
import { HTML_PAGE, startGitHub } from "../../helpers/github.ts";
import { createRepository, temporaryDirectory } from "../../helpers/repository.ts";

const TOKEN = `ghp_${"s3cr3t".repeat(6)}`;
const FINE_GRAINED = `github_pat_${"s3cr3t".repeat(6)}`;

/** A repository whose pull requests are looked up in octo/app. */
function clone() {
  const repository = createRepository();
  repository.git("remote", "add", "origin", "git@github.com:octo/app.git");
  repository.commit({ a: "a" });
  return repository;
}

/** What is said of GitHub for this repository. */
async function ask({ root, home }: { root: string; home: string }, env: Readonly<Record<string, string>>) {
  const diagnosis = await diagnose([], { checks: ["github"], cwd: root, env: { HOME: home, ...env } });
  expect(diagnosis.output).not.toContain("s3cr3t");
  return { ...diagnosis.of("github"), code: diagnosis.code };
}

test("all is well: names the token's place, its scopes, what is left, and the repository", async () => {
  const github = await startGitHub();
  github.token(TOKEN, { scopes: ["repo", "read:org"] }).spend(10);
  github.repo("octo/app", { isPrivate: true });
  const finding = await ask(clone(), { GITHUB_API_URL: github.apiUrl, GH_TOKEN: TOKEN });
  expect(finding.level).toBe("ok");
  expect(finding.found).toContain("token from GH_TOKEN");
  expect(finding.found).toContain("scopes of the token: repo, read:org");
  expect(finding.found).toContain("4990 of 5000 requests are left");
  expect(finding.found).toContain("octo/app (private) can be read");
  expect(github.books.requests.map(({ url }) => url)).toEqual(["/rate_limit", "/repos/octo/app"]);
  expect(github.books.points).toBe(1);
});

test("a fine-grained token has permissions, which GitHub does not list; a file outranks a variable", async () => {
  const github = await startGitHub();
  github.token(FINE_GRAINED);
  github.repo("octo/app");
  const file = join(temporaryDirectory(), "token");
  writeFileSync(file, `${FINE_GRAINED}\n`);
  const env = { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN, FLEET_METADATA_GITHUB_TOKEN_FILE: file };
  const { level, found } = await ask(clone(), env);
  expect(level).toBe("ok");
  expect(found).toContain(
    `token in ${file}, named by FLEET_METADATA_GITHUB_TOKEN_FILE, which outranks GITHUB_TOKEN`,
  );
  expect(found).toContain("has permissions and no scopes");
});

test("a token that is refused", async () => {
  const github = await startGitHub();
  const finding = await ask(clone(), { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN });
  expect(finding).toMatchObject({
    code: 1,
    level: "problem",
    found: expect.stringContaining("UNAUTHENTICATED: GitHub does not accept the token (Bad credentials)"),
    advice: expect.stringContaining("make a new token"),
  });
});

test("a token file that is not there", async () => {
  const finding = await ask(clone(), { FLEET_METADATA_GITHUB_TOKEN_FILE: "/nowhere/token" });
  expect(finding).toMatchObject({
    level: "problem",
    found: expect.stringContaining("/nowhere/token cannot be read: ENOENT"),
  });
});

test("a private repository that the token does not see", async () => {
  const github = await startGitHub();
  github.token(TOKEN, { scopes: ["read:user"], sees: [] });
  github.repo("octo/app", { isPrivate: true });
  const finding = await ask(clone(), { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN });
  github.books.unexpected.length = 0;
  expect(finding).toMatchObject({
    level: "problem",
    found: expect.stringContaining("GitHub has no octo/app, or does not show it to this token"),
    advice: expect.stringContaining("the scope repo"),
  });
});

test("no token: public repositories, seldom", async () => {
  const github = await startGitHub();
  github.repo("octo/app");
  expect(await ask(clone(), { GITHUB_API_URL: github.apiUrl })).toMatchObject({
    code: 0,
    level: "warning",
    found: expect.stringMatching(/no token; .* 60 of 60 .*octo\/app \(public\) can be read/),
    advice: expect.stringContaining("GITHUB_TOKEN"),
  });
});

test("a budget that is used up: the repository is not asked for", async () => {
  const github = await startGitHub();
  github.token(TOKEN).spend(4_990);
  const finding = await ask(clone(), { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN });
  expect(finding).toMatchObject({
    code: 0,
    level: "warning",
    found: expect.stringContaining("RATE_LIMITED"),
  });
  expect(github.books.requests.map(({ url }) => url)).toEqual(["/rate_limit"]);
});

test("another one answers in its place, first or later", async () => {
  for (const concerns of [/^\/rate_limit$/, /^\/repos/]) {
    const github = await startGitHub();
    github.token(TOKEN);
    github.repo("octo/app");
    github.faults.add(HTML_PAGE, 1, (url) => concerns.test(url));
    const finding = await ask(clone(), { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN });
    expect(finding).toMatchObject({ level: "problem", found: expect.stringContaining("BAD_ANSWER") });
  }
});

test("a server without limits", async () => {
  const github = await startGitHub();
  github.token(TOKEN);
  github.repo("octo/app");
  const body = JSON.stringify({ message: "Rate limiting is not enabled." });
  github.faults.add({ kind: "answer", status: 404, body }, 1);
  const finding = await ask(clone(), { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN: TOKEN });
  expect(finding).toMatchObject({
    level: "ok",
    found: expect.stringContaining("octo/app (public) can be read"),
  });
});

test("out of reach: a problem where a repository is there, a warning where GitHub has nothing to say", async () => {
  expect(await ask(clone(), {})).toMatchObject({
    code: 1,
    level: "problem",
    found: expect.stringContaining("UNREACHABLE: 127.0.0.1:1 cannot be reached: ECONNREFUSED"),
    advice: expect.stringContaining("HTTPS_PROXY"),
  });
  const elsewhere = createRepository();
  elsewhere.git("remote", "add", "origin", "https://example.com/octo/app.git");
  elsewhere.commit({ a: "a" });
  expect(await ask(elsewhere, {})).toMatchObject({
    code: 0,
    level: "warning",
    found: expect.stringMatching(/nothing to look up: .*NOT_GITHUB/),
  });
});

test("names the proxy that counts, without its password, and those that do not", async () => {
  const proxyOf = async (env: Readonly<Record<string, string>>) => {
    const diagnosis = await diagnose([], { env });
    return diagnosis.of("proxy");
  };
  expect(await proxyOf({})).toMatchObject({ level: "ok", found: "none: GitHub is asked directly" });
  const set = await proxyOf({ HTTPS_PROXY: "http://me:s3cr3t@proxy:3128", NO_PROXY: "example.com" });
  expect(set).toMatchObject({ level: "ok", found: expect.stringContaining("NO_PROXY=example.com") });
  expect(set.found).toContain("proxy:3128");
  expect(set.found).not.toContain("s3cr3t");
  const bare = await proxyOf({ HTTPS_PROXY: "me:s3cr3t@proxy:3128" });
  expect(bare.found).toContain("HTTPS_PROXY=********@proxy:3128");
  expect(await proxyOf({ HTTP_PROXY: "http://proxy:3128" })).toMatchObject({
    level: "warning",
    advice: expect.stringContaining("HTTPS_PROXY"),
  });
});
