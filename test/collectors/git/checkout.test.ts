// What the git source hands to the sources that follow it.

import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Git } from "../../../src/collectors/git/index.ts";
import {
  checkoutOf,
  checkouts,
  configure,
  repositoryWith,
  track,
  watchedCheckouts,
} from "../../helpers/checkout.ts";
import { deadline, gitOf, hardenedGit } from "../../helpers/git-source.ts";
import {
  createRepository,
  repositoryAt,
  type TestRepository,
  temporaryDirectory,
} from "../../helpers/repository.ts";
import { until } from "../../helpers/wait.ts";

const APP = "https://github.com/octo/app.git";
const FORK = "git@github.com:me/app.git";
const MISSING = "0123456789012345678901234567890123456789";

/** Notes what git is run for. */
function notingGit(home: string): { git: Git; runs: string[] } {
  const real = hardenedGit(home);
  const runs: string[] = [];
  const git: Git = {
    run(args, options) {
      runs.push(args[0] ?? "");
      return real.run(args, options);
    },
  };
  return { git, runs };
}

/** Runs a git command that stops half-way, with a failure. */
function stops(repository: TestRepository, ...args: string[]): void {
  expect(() => repository.git(...args)).toThrow();
}

describe("P1: the remotes", () => {
  test("in the order of the configuration, rewritten as git does, without credentials", async () => {
    const repository = repositoryWith({
      fork: "gh:me/app",
      origin: "https://me:secret@github.com/octo/app.git",
    });
    configure(repository, {
      "url.ssh://git@github.com/.insteadOf": "gh:",
      "url.ssh://git@ssh.github.com:443/.pushInsteadOf": "https://me:secret@github.com/",
      "remote.fork.pushurl": "gh:other/app",
      "remote.fork.gh-resolved": "base",
      "remote.pushonly.pushurl": "gh:push/only",
      "remote.nothing.prune": "true",
    });
    expect((await checkoutOf(repository)).remotes).toEqual([
      {
        name: "fork",
        url: "ssh://github.com/me/app",
        pushUrl: "ssh://github.com/other/app",
        ghResolved: "base",
      },
      {
        name: "origin",
        url: "https://github.com/octo/app.git",
        pushUrl: "ssh://ssh.github.com:443/octo/app.git",
      },
      { name: "pushonly", pushUrl: "ssh://github.com/push/only" },
    ]);
  });

  test("a configured push address is not subject to pushInsteadOf, and the same one is not told twice", async () => {
    const repository = repositoryWith({ origin: APP, other: APP });
    configure(repository, {
      "url.https://elsewhere/.pushInsteadOf": "https://github.com/",
      "remote.origin.pushurl": APP,
      "remote.other.pushurl": FORK,
    });
    expect((await checkoutOf(repository)).remotes).toEqual([
      { name: "origin", url: APP },
      { name: "other", url: APP, pushUrl: FORK },
    ]);
  });

  test("what names no remote is an address", async () => {
    const repository = repositoryWith({ origin: APP });
    configure(repository, {
      "url.https://github.com/.insteadOf": "gh:",
      "branch.topic.remote": "https://me:secret@github.com/me/app",
      "branch.topic.pushRemote": "gh:me/app",
      "remote.pushDefault": "origin",
    });
    const { branchConfig, remotePushDefault } = await checkoutOf(repository);
    expect(branchConfig).toEqual({
      remote: "https://github.com/me/app",
      pushRemote: "https://github.com/me/app",
    });
    expect(remotePushDefault).toBe("origin");
  });
});

describe("P3: where the branch is pushed to", () => {
  const cases: [string, (repository: TestRepository) => void, { remote: string; ref: string } | undefined][] =
    [
      ["nothing set", () => {}, undefined],
      [
        "an upstream of the same name",
        (r) => configure(r, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" }),
        { remote: "origin", ref: "refs/heads/topic" },
      ],
      [
        "push.default=simple, an upstream of another name",
        (r) => configure(r, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/main" }),
        undefined,
      ],
      [
        "push.default=upstream",
        (r) =>
          configure(r, {
            "branch.topic.remote": "origin",
            "branch.topic.merge": "refs/heads/a/b",
            "push.default": "upstream",
          }),
        { remote: "origin", ref: "refs/heads/a/b" },
      ],
      [
        "push.default=current",
        (r) => configure(r, { "push.default": "current" }),
        { remote: "origin", ref: "refs/heads/topic" },
      ],
      [
        "push.default=current, from one remote to the other",
        (r) =>
          configure(r, {
            "branch.topic.remote": "origin",
            "branch.topic.merge": "refs/heads/main",
            "branch.topic.pushRemote": "fork",
            "push.default": "current",
          }),
        { remote: "fork", ref: "refs/heads/topic" },
      ],
      [
        "remote.pushDefault, push.default=matching",
        (r) => configure(r, { "remote.pushDefault": "fork", "push.default": "matching" }),
        { remote: "fork", ref: "refs/heads/topic" },
      ],
      [
        "push.default=upstream contradicts remote.pushDefault",
        (r) =>
          configure(r, {
            "branch.topic.remote": "origin",
            "branch.topic.merge": "refs/heads/main",
            "remote.pushDefault": "fork",
            "push.default": "upstream",
          }),
        undefined,
      ],
      ["push.default=nothing", (r) => configure(r, { "push.default": "nothing" }), undefined],
      [
        "a push refspec",
        (r) =>
          configure(r, {
            "branch.topic.remote": "origin",
            "remote.origin.push": "refs/heads/*:refs/heads/me/*",
          }),
        { remote: "origin", ref: "refs/heads/me/topic" },
      ],
      [
        "a push refspec that is no branch",
        (r) => configure(r, { "branch.topic.remote": "origin", "remote.origin.push": "HEAD:refs/for/main" }),
        undefined,
      ],
      [
        "tracking refs in a place of their own",
        (r) => {
          r.git("config", "--replace-all", "remote.origin.fetch", "+refs/heads/*:refs/mine/*/x");
          configure(r, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" });
        },
        { remote: "origin", ref: "refs/heads/topic" },
      ],
      [
        "the branch follows one of this repository",
        (r) =>
          configure(r, {
            "branch.topic.remote": ".",
            "branch.topic.merge": "refs/heads/main",
            "push.default": "upstream",
          }),
        undefined,
      ],
      [
        "an address",
        (r) => configure(r, { "branch.topic.pushRemote": FORK, "push.default": "current" }),
        undefined,
      ],
    ];
  test.each(cases)("%s", async (_, prepare, expected) => {
    const repository = repositoryWith({ origin: APP, fork: FORK });
    prepare(repository);
    expect((await checkoutOf(repository)).push).toEqual(expected);
  });

  test("the hash of the tracking ref comes with it until it is pruned, wherever it lies", async () => {
    const repository = repositoryWith({ origin: APP });
    configure(repository, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" });
    const oid = repository.git("rev-parse", "HEAD").trim();
    for (const [refspec, ref] of [
      ["+refs/heads/*:refs/remotes/origin/*", "refs/remotes/origin/topic"],
      ["+refs/heads/t*:refs/mine/*", "refs/mine/opic"],
    ] as const) {
      repository.git("config", "--replace-all", "remote.origin.fetch", refspec);
      const read = checkouts(repository);
      repository.git("update-ref", ref, "HEAD");
      const told = { remote: "origin", ref: "refs/heads/topic" };
      const before = await read();
      expect(before).toMatchObject({ upstreamOid: oid, counterparts: [{ remote: "origin", oid }] });
      expect(before.push).toEqual({ ...told, oid });
      repository.git("update-ref", "-d", ref);
      const after = await read();
      expect(after.push).toEqual(told);
      expect([after.upstreamOid, after.counterparts]).toEqual([undefined, undefined]);
    }
  });

  test.each([
    ["--shell", "+refs/heads/*:--shell"],
    ["refs/*", "+refs/heads/*:refs/*/*"],
    ["refs/heads/topic", "refs/heads/topic:refs/heads/../x"],
    ["", "^refs/heads/topic"],
    [":", ":"],
  ])("what the configuration calls a ref is never an option or a pattern: %s", async (merge, refspec) => {
    const repository = repositoryWith({ origin: APP });
    track(repository, "origin", "topic");
    const { git, runs } = notingGit(repository.home);
    const asked: string[] = [];
    const noting: Git = {
      run(args, options) {
        if (args[0] === "for-each-ref") asked.push(...args.slice(2));
        return git.run(args, options);
      },
    };
    configure(repository, { "branch.topic.remote": ".", "branch.topic.merge": merge });
    repository.write({ ".git/more": `[remote "evil"]\nurl = ${APP}\nfetch = ${refspec}\n` });
    configure(repository, { "include.path": "more" });
    const outcome = await checkouts(repository, noting)().catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome.name).toBe("CollectError");
    expect(runs).toContain("for-each-ref");
    expect(asked).toContain("refs/heads/topic");
    for (const name of asked) expect(name).toMatch(/^refs\/[^*?]+$/);
  });

  test("branches of the same name are told for each remote", async () => {
    const repository = repositoryWith({ origin: APP, fork: FORK, third: "https://github.com/third/app" });
    const oid = repository.git("rev-parse", "HEAD").trim();
    track(repository, "fork", "topic");
    track(repository, "origin", "topic/below");
    track(repository, "third", "other");
    expect((await checkoutOf(repository)).counterparts).toEqual([{ remote: "fork", oid }]);
  });
});

describe("P8: the branch", () => {
  test("detached, unborn", async () => {
    const repository = repositoryWith({ origin: APP });
    repository.git("checkout", "--quiet", "--detach");
    const head = repository.git("rev-parse", "HEAD").trim();
    const { branch, head: told, branchConfig } = await checkoutOf(repository);
    expect({ branch, told, branchConfig }).toEqual({ branch: undefined, told: head, branchConfig: {} });
    const unborn = await checkoutOf(createRepository());
    expect(unborn).toMatchObject({ branch: "main", remotes: [] });
    expect(unborn.head).toBeUndefined();
    expect(await unborn.isAncestor(MISSING, deadline())).toBeUndefined();
  });

  test("during a rebase it is the one being rebased, with its own configuration", async () => {
    const repository = repositoryWith({ origin: APP, fork: FORK });
    repository.commit({ "a.txt": "topic\n" });
    configure(repository, { "branch.topic.remote": "fork", "branch.topic.merge": "refs/heads/topic" });
    track(repository, "fork", "topic");
    const oid = repository.git("rev-parse", "topic").trim();
    repository.git("checkout", "--quiet", "main");
    const onto = repository.commit({ "a.txt": "main\n" });
    repository.git("checkout", "--quiet", "topic");
    stops(repository, "rebase", "--quiet", "main");
    const checkout = await checkoutOf(repository);
    expect(checkout).toMatchObject({
      branch: "topic",
      head: onto,
      branchConfig: { remote: "fork", merge: "refs/heads/topic" },
      push: { remote: "fork", ref: "refs/heads/topic", oid },
      upstreamOid: oid,
    });
    const { remote, upstream, ahead } = await gitOf(repository);
    expect({ remote: remote?.name, upstream, ahead }).toEqual({
      remote: "fork",
      upstream: undefined,
      ahead: undefined,
    });
  });

  test("a linked worktree is of the same repository", async () => {
    const repository = repositoryWith({ origin: APP });
    const root = `${temporaryDirectory()}/linked`;
    repository.git("worktree", "add", "--quiet", "-b", "other", root);
    const checkout = await checkoutOf(repositoryAt(root, repository.home));
    expect(checkout).toMatchObject({ repository: repository.path(".git"), branch: "other" });
  });
});

describe("P6: whether a commit comes before HEAD", () => {
  test("ancestors do, others and unknown ones do not, and git is asked once", async () => {
    const repository = repositoryWith({ origin: APP });
    const old = repository.git("rev-parse", "HEAD").trim();
    repository.git("checkout", "--quiet", "-b", "side");
    const side = repository.commit({ "b.txt": "b\n" });
    repository.git("checkout", "--quiet", "topic");
    const head = repository.commit({ "a.txt": "new\n" });
    const { git, runs } = notingGit(repository.home);
    const { isAncestor } = await checkouts(repository, git)();
    runs.length = 0;
    const tree = repository.git("rev-parse", "HEAD^{tree}").trim();
    for (const [oid, expected] of [
      [old, true],
      [head, true],
      [side, false],
      [MISSING, false],
      [tree, false],
      [`${MISSING}${MISSING.slice(0, 24)}`, false],
      ["main", false],
      ["--help", false],
      ["", false],
    ] as const) {
      expect(await isAncestor(oid, deadline()), oid).toBe(expected);
      expect(await isAncestor(oid, deadline()), oid).toBe(expected);
    }
    expect(runs).toEqual(Array(4).fill("merge-base"));
  });

  test("where the history is cut off it cannot be told, until it is fetched", async () => {
    const origin = createRepository();
    const first = origin.commit({ "a.txt": "1\n" });
    const second = origin.commit({ "a.txt": "2\n" });
    const head = origin.commit({ "a.txt": "3\n" });
    const root = `${temporaryDirectory()}/clone`;
    origin.git("clone", "--quiet", "--depth", "2", `file://${origin.root}`, root);
    const clone = repositoryAt(root, origin.home);
    const read = checkouts(clone);
    const { isAncestor } = await read();
    const answers = async (ask: typeof isAncestor) =>
      await Promise.all([head, second, first, MISSING].map((oid) => ask(oid, deadline())));
    expect(await answers(isAncestor)).toEqual([true, true, undefined, undefined]);
    clone.git("fetch", "--quiet", "--unshallow");
    expect(await answers((await read()).isAncestor)).toEqual([true, true, true, false]);
  });

  test("a failure of git is no answer", async () => {
    const repository = repositoryWith({ origin: APP });
    const old = repository.git("rev-parse", "HEAD").trim();
    repository.commit({ "a.txt": "new\n" });
    repository.commit({ "a.txt": "newer\n" });
    const between = repository.git("rev-parse", "HEAD~").trim();
    const { isAncestor } = await checkoutOf(repository);
    rmSync(repository.path(".git", "objects", between.slice(0, 2), between.slice(2)));
    await expect(isAncestor(old, deadline())).rejects.toMatchObject({ name: "CollectError" });
    const reason = new Error("enough");
    await expect(isAncestor(old, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("G20: while nothing changes", () => {
  test("the checkout is the same object, and costs no process of its own", async () => {
    const repository = repositoryWith({ origin: APP, fork: FORK });
    configure(repository, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" });
    track(repository, "origin", "topic");
    const { git, runs } = notingGit(repository.home);
    const read = checkouts(repository, git);
    await read();
    const first = await read();
    runs.length = 0;
    expect(await read()).toBe(first);
    expect(runs.filter((run) => run !== "status" && run !== "config")).toEqual(["for-each-ref"]);
    repository.write({ "a.txt": "edited\n", "b.txt": "new\n" });
    expect(await read()).toBe(first);
    track(repository, "origin", "unrelated");
    expect(await read()).toBe(first);
  });

  const changes: [string, (repository: TestRepository) => unknown][] = [
    ["a commit", (r) => r.commit({ "a.txt": "new\n" })],
    ["another branch", (r) => r.git("checkout", "--quiet", "main")],
    ["another name of the branch", (r) => r.git("branch", "--move", "renamed")],
    ["a new remote", (r) => r.git("remote", "add", "third", "https://github.com/third/app")],
    ["another address", (r) => r.git("remote", "set-url", "origin", "https://github.com/moved/app")],
    ["another push address", (r) => r.git("remote", "set-url", "--push", "origin", FORK)],
    ["the base as gh notes it down", (r) => configure(r, { "remote.fork.gh-resolved": "base" })],
    ["another upstream", (r) => configure(r, { "branch.topic.merge": "refs/heads/other" })],
    ["another remote to push to", (r) => configure(r, { "branch.topic.pushRemote": "fork" })],
    ["another remote for all branches", (r) => configure(r, { "remote.pushDefault": "fork" })],
    ["another push.default", (r) => configure(r, { "push.default": "current" })],
    [
      "a rewritten address",
      (r) => configure(r, { "url.https://ghe.example.com/.insteadOf": "https://github.com/" }),
    ],
    [
      "the user's own configuration",
      (r) => writeFileSync(`${r.home}/.gitconfig`, "[push]\n\tdefault = current\n"),
    ],
    [
      "a push",
      (r) =>
        r.git(
          "update-ref",
          "refs/remotes/origin/topic",
          r.git("commit-tree", "-m", "x", "HEAD^{tree}").trim(),
        ),
    ],
    ["a pruned tracking ref", (r) => r.git("update-ref", "-d", "refs/remotes/origin/topic")],
    ["a branch of the same name elsewhere", (r) => track(r, "fork", "topic")],
  ];
  test.each(changes)("P7: %s is another checkout, and events tell", async (_, change) => {
    const repository = repositoryWith({ origin: APP, fork: FORK });
    configure(repository, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" });
    track(repository, "origin", "topic");
    const { read, told } = await watchedCheckouts(repository);
    const before = await read();
    const count = told();
    change(repository);
    let seen = count;
    do {
      await until(() => told() > seen, "an event");
      seen = told();
    } while ((await read()) === before);
  });
});
