// From a push in a real repository to what clients see of its pull request: the whole server against a stand-in for GitHub.

import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import { createTestClient } from "../helpers/clients.ts";
import { cloneOfApp, openPull, optionsFor, push, TOKEN } from "../helpers/cloned-app.ts";
import { type GitHub, startGitHub } from "../helpers/github.ts";
import { ManualTime } from "../helpers/manual-time.ts";
import { emptyDirectory, runProgram, startProgram } from "../helpers/program.ts";
import { startServer } from "../helpers/server.ts";
import { until } from "../helpers/wait.ts";

interface Answer {
  readonly data: Readonly<Record<string, { readonly value: unknown; readonly error?: string }>>;
  readonly sources: Readonly<
    Record<
      string,
      {
        readonly state: string;
        readonly reason?: string;
        readonly message?: string;
        readonly nextCollectionAt?: string;
        readonly rateLimit?: { readonly remaining: number };
      }
    >
  >;
}

async function read(url: string, query = ""): Promise<Answer> {
  const response = await fetch(`${url}/metadata${query}`);
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text).not.toContain("s3cr3t");
  return JSON.parse(text) as Answer;
}

/** Closed after the test. Returns its port. */
async function listen(server: Server | SecureServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** What a watch has shown so far of a branch and its pull request. */
interface Seen {
  readonly branch: unknown;
  readonly state: number | undefined;
  readonly reason: string | undefined;
  readonly number: unknown;
  readonly checks: unknown;
  readonly inSync: unknown;
}

async function follow(url: string) {
  const ended = new AbortController();
  const seen: Seen[] = [];
  const stream = createTestClient("gRPC, HTTP/2", url).watchMetadata(
    { keys: ["git_branch", "github_*"] },
    { signal: ended.signal },
  );
  const reading = (async () => {
    for await (const { metadata } of stream) {
      const value = (key: string) => metadata?.data[key]?.value?.kind.value;
      seen.push({
        branch: value("git_branch"),
        state: metadata?.sources["github"]?.state,
        reason: metadata?.sources["github"]?.reason,
        number: value("github_pr_number"),
        checks: value("github_pr_checks_status"),
        inSync: value("github_pr_head_in_sync"),
      });
    }
  })().catch((error: unknown) => {
    if (!ended.signal.aborted) {
      throw error;
    }
  });
  return {
    seen,
    /** The last state that was sent. */
    last: () => seen.at(-1),
    end: async () => {
      ended.abort();
      await reading;
    },
  };
}

/**
 * Lets time go by in small steps, so that what it sets off over the network comes about.
 *
 * @returns how long it took, in milliseconds of that time.
 */
function passing(time: ManualTime, { books }: GitHub) {
  return async (condition: () => boolean, what: string, mostMs: number): Promise<number> => {
    let passedMs = 0;
    for (; passedMs < mostMs && !condition(); passedMs += 500) {
      await time.advance(500);
      await until(() => condition() || books.open === 0, "the stand-in's answers");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(condition, what);
    return passedMs;
  };
}

describe("the pull request of the current branch", () => {
  test("P7, P12, P15: from the push to green checks, and never that of the branch before", async () => {
    const time = new ManualTime();
    const github = await startGitHub({ clock: time });
    github.token(TOKEN);
    const app = github.repo("octo/app");
    const repository = cloneOfApp();
    repository.git("checkout", "-qb", "feature");
    const env = { GITHUB_TOKEN: TOKEN, GITHUB_API_URL: github.apiUrl };
    const server = await startServer({ ...optionsFor(repository, env), time });
    const watch = await follow(server.url);
    const passUntil = passing(time, github);

    await passUntil(() => watch.last()?.reason === "NO_PULL_REQUEST", "that there is none", 2_000);

    const sha = (() => {
      repository.commit({ "b.txt": "b\n" }, "second");
      return push(repository, "feature");
    })();
    const before = github.books.requests.length;
    await passUntil(() => github.books.requests.length > before, "the look-up after the push", 2_000);
    app.pull({ head: "feature", headSha: sha, title: "A feature" });
    const run = app.check(sha, { name: "build" });
    const openedMs = await passUntil(() => watch.last()?.number === 1, "the pull request", 31_000);
    expect(openedMs).toBeLessThanOrEqual(30_000);
    await passUntil(() => watch.last()?.checks === "pending", "that the check runs", 2_000);
    expect(watch.last()).toMatchObject({ branch: "feature", inSync: true });

    Object.assign(run, { status: "completed", conclusion: "success", completedAt: "2026-01-01T00:01:00Z" });
    const greenMs = await passUntil(() => watch.last()?.checks === "passing", "green checks", 31_000);
    expect(greenMs).toBeLessThanOrEqual(11_000);
    const { data, sources } = await read(server.url);
    expect(data).toMatchObject({
      github_repo_name: { value: "octo/app" },
      github_pr_number: { value: 1 },
      github_pr_title: { value: "A feature" },
      github_pr_status: { value: "open" },
    });
    expect(sources["github"]).toMatchObject({ state: "SOURCE_STATE_FRESH" });
    expect(sources["github"]?.message).toContain("octo/app");
    expect(sources["github"]?.nextCollectionAt).toBeDefined();
    expect(sources["github"]?.rateLimit?.remaining).toBeLessThan(5_000);

    // A commit that was not pushed: the same pull request, out of step, in the same message.
    repository.commit({ "c.txt": "c\n" }, "third");
    await until(() => watch.last()?.inSync === false, "that the head is another one");
    expect(watch.last()).toMatchObject({ number: 1, checks: "passing" });

    for (let round = 0; round < 5; round += 1) {
      repository.git("checkout", "-q", "main");
      await until(() => watch.last()?.branch === "main", "main");
      repository.git("checkout", "-q", "feature");
      await until(() => watch.last()?.branch === "feature", "feature");
    }
    await until(() => watch.last()?.number === 1, "what was known of the branch");
    for (const { branch, number } of watch.seen) {
      expect([undefined, branch === "feature" ? 1 : undefined]).toContain(number);
    }
    await watch.end();
  });

  test("P18: with a token that is revoked keeps its values, says why, and is asked once until there is another one", async () => {
    const time = new ManualTime();
    const github = await startGitHub({ clock: time });
    const credential = github.token(TOKEN);
    const repository = cloneOfApp();
    repository.git("checkout", "-qb", "feature");
    const app = github.repo("octo/app");
    const pull = app.pull({ head: "feature", headSha: push(repository, "feature") });
    const tokenFile = repository.path("..", `${repository.root.split("/").at(-1)}-token`);
    writeFileSync(tokenFile, `${TOKEN}\n`);
    const options = optionsFor(repository, { GITHUB_API_URL: github.apiUrl });
    const flags = { ...options.flags, githubTokenFile: tokenFile };
    const server = await startServer({ ...options, flags, time });
    expect((await read(server.url)).data["github_pr_number"]).toMatchObject({ value: 1 });

    credential.isRevoked = true;
    pull.update({ title: "Another title" });
    const states = async () => (await read(server.url)).sources["github"];
    let state = await states();
    while (state?.reason !== "UNAUTHENTICATED") {
      await time.advance(100);
      state = await states();
    }
    expect(state).toMatchObject({ state: "SOURCE_STATE_STALE" });
    const { data } = await read(server.url);
    expect(data["github_pr_number"]).toMatchObject({ value: 1, error: expect.stringContaining("token") });
    expect(data["github_pr_title"]).toMatchObject({ value: "Pull request 1" });
    const asked = github.books.requests.length;
    for (let minute = 0; minute < 10; minute += 1) {
      await time.advance(60_000);
      await read(server.url);
    }
    expect(github.books.requests).toHaveLength(asked);
    repository.git("checkout", "-qb", "other");
    expect((await states())?.reason).toBe("UNAUTHENTICATED");
    repository.git("checkout", "-q", "feature");

    const fresh = `ghs_${"s3cr3t.".repeat(30)}x`;
    github.token(fresh);
    writeFileSync(tokenFile, fresh);
    expect(await server.server.reload(server.config)).toEqual({ isOtherGitHubToken: true });
    await until(() => github.books.requests.length > asked, "a request with the other token");
    let title: unknown;
    while (title !== "Another title") {
      await time.advance(100);
      title = (await read(server.url)).data["github_pr_title"]?.value;
    }
    expect(await states()).toMatchObject({ state: "SOURCE_STATE_FRESH" });
  });

  test("P19: offline from the start is failed, and not taken for none", async () => {
    const repository = cloneOfApp();
    repository.git("checkout", "-qb", "feature");
    const server = await startServer(optionsFor(repository, { GITHUB_API_URL: "http://127.0.0.1:1" }));
    let answer = await read(server.url);
    while (answer.sources["github"]?.state === "SOURCE_STATE_PENDING") {
      expect(answer.data).not.toHaveProperty("github_pr_number");
      answer = await read(server.url);
    }
    expect(answer.sources["github"]).toMatchObject({ state: "SOURCE_STATE_FAILED", reason: "UNREACHABLE" });
    expect(answer.data["github_pr_number"]).toMatchObject({ value: null, error: expect.any(String) });
    expect(answer.data["git_branch"]).toMatchObject({ value: "feature" });
  });

  test("P1, S24: is looked for at the server that the settings name, whatever the repository says", async () => {
    const github = await startGitHub();
    github.token(TOKEN);
    const evil = github.apiUrl.replace("http://", "http://evil.example@");
    for (const url of ["https://github.evil.example/octo/app.git", `${evil}/octo/app.git`]) {
      const repository = cloneOfApp(url);
      const env = { GITHUB_TOKEN: TOKEN, GITHUB_API_URL: github.apiUrl };
      const server = await startServer(optionsFor(repository, env));
      const { sources } = await read(server.url);
      expect(sources["github"]).toMatchObject({ state: "SOURCE_STATE_NO_DATA", reason: "NOT_GITHUB" });
    }
    expect(github.books.requests).toEqual([]);
  });

  test("P1: is found where ssh calls the server by another name", async () => {
    const github = await startGitHub();
    github.token(TOKEN);
    const repository = cloneOfApp("git@work:octo/app.git");
    repository.git("checkout", "-qb", "feature");
    github.repo("octo/app").pull({ head: "feature", headSha: push(repository, "feature") });
    mkdirSync(`${repository.home}/.ssh`);
    writeFileSync(`${repository.home}/.ssh/config`, "Host work\n  HostName github.com\n");
    const env = { GITHUB_TOKEN: TOKEN, GITHUB_API_URL: github.apiUrl };
    const server = await startServer(optionsFor(repository, env));
    expect((await read(server.url, "?keys=github_pr_number")).data).toMatchObject({
      github_pr_number: { value: 1 },
    });
  });

  test("P14: is asked for by nobody's start, and by no read of other keys", async () => {
    const github = await startGitHub();
    const repository = cloneOfApp();
    github.repo("octo/app");
    const server = await startServer(optionsFor(repository, { GITHUB_API_URL: github.apiUrl }));
    await read(server.url, "?keys=git_*,workspace_*");
    expect(github.books.requests).toEqual([]);
    await read(server.url, "?keys=github_pr_number");
    expect(github.books.requests.length).toBeGreaterThan(0);
  });
});

describe("the program", () => {
  test("get --direct shows the pull request, too", async () => {
    const { github, repository } = await openPull("feature");
    // A second attempt after the first has failed takes longer than a server would have waited.
    github.faults.add({ kind: "reset" });
    const { code, stdout, stderr } = await runProgram(["get", "--direct", "github_pr_title"], {
      cwd: repository.root,
      env: { GH_TOKEN: TOKEN, GITHUB_API_URL: github.apiUrl },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ data: { github_pr_title: { value: "A feature" } } });
    expect(github.books.requests.every(({ token }) => token === TOKEN)).toBe(true);
  });

  test("P19, P20: reaches GitHub through a proxy, which sees no token", async () => {
    const { github, repository } = await openPull("feature");
    const { certFile, keyFile } = await createCertificate();
    const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const secure = createSecureServer(files, (incoming, response) => {
      const onward = request(`${github.apiUrl}${incoming.url}`, { headers: incoming.headers });
      onward.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      incoming.pipe(onward);
    });
    const port = await listen(secure);
    const asked: string[] = [];
    const proxy = createServer().on("connect", ({ url = "", rawHeaders }, socket) => {
      asked.push(url, ...rawHeaders);
      // The name is known to the proxy alone.
      const through = connect(port, "127.0.0.1");
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(through).pipe(socket);
      for (const each of [socket, through]) each.on("error", () => each.destroy());
    });
    const proxyPort = await listen(proxy);
    const { code, stdout } = await runProgram(["get", "--direct", "github_pr_title"], {
      cwd: repository.root,
      env: {
        GITHUB_TOKEN: TOKEN,
        GITHUB_API_URL: `https://localhost:${port}`,
        HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`,
        NODE_EXTRA_CA_CERTS: certFile,
      },
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ data: { github_pr_title: { value: "A feature" } } });
    expect(asked).toContain(`localhost:${port}`);
    expect(asked.join()).not.toContain(TOKEN);
  });

  test("P18, P20: reads the token again at SIGHUP, serves on, and never shows it", async () => {
    const github = await startGitHub();
    github.token(TOKEN);
    const repository = cloneOfApp();
    repository.git("checkout", "-qb", "feature");
    github.repo("octo/app").pull({ head: "feature", headSha: push(repository, "feature") });
    const tokenFile = `${emptyDirectory()}/token`;
    const args = ["--github-token-file", tokenFile, "--log-level", "trace"];
    const program = await startProgram(args, {
      cwd: repository.root,
      env: { GITHUB_API_URL: github.apiUrl },
    });
    let answer = await read(program.url);
    expect(answer.sources["github"]).toMatchObject({
      state: "SOURCE_STATE_FAILED",
      reason: "UNAUTHENTICATED",
    });
    const warned = program.logged("cannot be read: ENOENT");
    program.kill("SIGHUP");
    await warned;
    writeFileSync(tokenFile, TOKEN);
    const told = program.logged("now in force: --github-token-file");
    program.kill("SIGHUP");
    await told;
    while (answer.data["github_pr_number"]?.value !== 1) {
      answer = await read(program.url);
    }
    program.kill("SIGTERM");
    const { code, stdout, stderr } = await program.ended;
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain("s3cr3t");
    expect(github.books.requests.some(({ token }) => token === TOKEN)).toBe(true);
  });
});
