// Which repository the answers are about, and which ones are refused.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import type { Git } from "../../../src/gen/fleet/metadata/v1/git_pb.ts";
import { collectIn, deadline, hardenedGit, reasonOf, section } from "../../helpers/git-source.ts";
import {
  createRepository,
  type TestRepository,
  temporaryDirectory,
  temporaryHome,
} from "../../helpers/repository.ts";

/** A workspace with repositories by name, each with a commit of that name made at this second of 2001. */
function workspaceOf(repositories: Readonly<Record<string, number>>) {
  const workspace = temporaryDirectory();
  const home = temporaryHome();
  const made = Object.entries(repositories).map(([name, second]) => {
    const repository = createRepository({ root: join(workspace, name), home });
    commitAt(repository, name, second);
    return [name, repository] as const;
  });
  return { workspace, home, repositories: Object.fromEntries(made) };
}

/** Commits at a second of 2001, so that the order of commits does not depend on how fast the test runs. */
function commitAt(repository: TestRepository, message: string, second: number): void {
  const date = String(1_000_000_000 + second);
  repository.write({ "file.txt": message });
  repository.git("add", "file.txt");
  const env = { PATH: process.env["PATH"], HOME: repository.home, GIT_COMMITTER_DATE: `@${date} +0000` };
  const { status } = spawnSync("git", ["commit", "--quiet", "-m", message], { cwd: repository.root, env });
  expect(status).toBe(0);
}

/** Collects again and again with one collector, as the server does. */
function watcher(workspace: string, home: string) {
  const collector = createGitCollector({ git: hardenedGit(home), workspace });
  const collect = () => collector.collect({ signal: deadline() });
  return { collect, git: async (): Promise<Git> => section(await collect()) };
}

/** A git that runs as another user, or believes that others own everything: what a test run by root needs. */
function scriptedGit(script: string): string {
  const binary = join(temporaryDirectory(), "git");
  writeFileSync(binary, `#!/bin/sh\n${script}\n`);
  chmodSync(binary, 0o755);
  return binary;
}

describe("one repository", () => {
  test.each([".", "src/deep"])("the workspace lies in it, at %s", async (below) => {
    const repository = createRepository();
    repository.commit({ "src/deep/a.txt": "a\n" });
    const git = section(await collectIn(repository.path(below), repository.home));
    expect(git).toMatchObject({ directory: repository.root, repositoryCount: 1 });
  });

  test.each(["repo", "group/repo"])("it lies below the workspace, at %s", async (name) => {
    const { workspace, home } = workspaceOf({ [name]: 1 });
    const git = section(await collectIn(workspace, home));
    expect(git).toMatchObject({ directory: join(workspace, name), repositoryCount: 1 });
  });

  test("a path with a line break and a link to the workspace", async () => {
    const directory = temporaryDirectory();
    const repository = createRepository({ root: join(directory, "line\nbreak") });
    repository.commit({ "a.txt": "a\n" });
    symlinkSync(repository.root, join(directory, "link"));
    const git = section(await collectIn(join(directory, "link"), repository.home));
    expect(git).toMatchObject({ directory: repository.root });
  });

  test("three levels below, in hidden directories and in node_modules, none is looked for", async () => {
    const { workspace, home } = workspaceOf({ "1/2/3": 1, ".hidden": 2, node_modules: 3 });
    expect(await collectIn(workspace, home)).toMatchObject({ outcome: "no_data" });
  });
});

describe("several repositories", () => {
  test("G14: the primary one has the newest commit or checkout, and everything is about it", async () => {
    const { workspace, home, repositories } = workspaceOf({ "b/one": 20, a: 10, c: 30, d: 5 });
    const git = section(await collectIn(workspace, home));
    expect(git).toMatchObject({
      directory: repositories["c"]?.root,
      commit: { message: "c" },
      repositoryCount: 4,
    });
  });

  test("G14: it changes with a commit or checkout elsewhere, never with an edit, a fetch or a stash", async () => {
    const { workspace, home, repositories } = workspaceOf({ one: 10, two: 20 });
    const { one, two } = repositories;
    if (one === undefined || two === undefined) throw new Error("not made");
    const { git } = watcher(workspace, home);
    expect(await git()).toMatchObject({ directory: two.root });
    one.write({ "file.txt": "edited\n", "new.txt": "new\n" });
    expect(await git()).toMatchObject({ directory: two.root });
    one.git("stash", "--quiet");
    one.git("fetch", "--quiet", two.root, "main:refs/heads/fetched");
    one.git("pack-refs", "--all");
    expect(await git()).toMatchObject({ directory: two.root });
    one.git("checkout", "--quiet", "-b", "other");
    expect(await git()).toMatchObject({ directory: one.root, branch: "other" });
    commitAt(two, "again", 1);
    expect(await git()).toMatchObject({ directory: two.root, commit: { message: "again" } });
  });

  test("G14: it changes when it vanishes, and a new clone is a checkout", async () => {
    const { workspace, home, repositories } = workspaceOf({ one: 10, two: 20 });
    const { one, two } = repositories;
    if (one === undefined || two === undefined) throw new Error("not made");
    const { git } = watcher(workspace, home);
    expect(await git()).toMatchObject({ directory: two.root });
    rmSync(two.root, { recursive: true });
    expect(await git()).toMatchObject({ directory: one.root, repositoryCount: 1 });
    createRepository({ root: join(workspace, "empty"), home });
    expect(await git()).toMatchObject({ directory: one.root, repositoryCount: 2 });
    one.git("clone", "--quiet", one.root, join(workspace, "three"));
    expect(await git()).toMatchObject({ directory: join(workspace, "three"), repositoryCount: 3 });
  });

  test("G14: without a log of HEAD, the commits decide", async () => {
    const { workspace, home, repositories } = workspaceOf({ one: 10, two: 20 });
    for (const repository of Object.values(repositories)) {
      repository.git("config", "core.logAllRefUpdates", "false");
      rmSync(repository.path(".git", "logs"), { recursive: true });
    }
    const { git } = watcher(workspace, home);
    expect(await git()).toMatchObject({ commit: { message: "two" } });
    const { one } = repositories;
    if (one === undefined) throw new Error("not made");
    commitAt(one, "newer", 5);
    expect(await git()).toMatchObject({ commit: { message: "newer" } });
  });

  test("a linked work tree beside its main one is no repository of its own", async () => {
    const { workspace, home, repositories } = workspaceOf({ one: 10 });
    repositories["one"]?.git("worktree", "add", "--quiet", join(workspace, "linked"));
    expect(section(await collectIn(workspace, home))).toMatchObject({ repositoryCount: 1, worktree: true });
  });
});

describe("G1: a reason of its own for each failure", () => {
  test("G1: not a repository", async () => {
    expect(await collectIn(temporaryDirectory())).toMatchObject({
      outcome: "no_data",
      reason: "NOT_A_REPOSITORY",
    });
  });

  test("G1: a .git that is none", async () => {
    const workspace = temporaryDirectory();
    mkdirSync(join(workspace, ".git"));
    writeFileSync(join(workspace, ".git", "HEAD"), "ref: refs/heads/main\n");
    expect(await collectIn(workspace)).toMatchObject({ outcome: "no_data", reason: "NOT_A_REPOSITORY" });
  });

  test("G1: the workspace does not exist", async () => {
    expect(await reasonOf(collectIn(join(temporaryDirectory(), "none")))).toBe("WORKSPACE_NOT_FOUND");
  });

  test("G1: dubious ownership", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    // git's own switch for its tests of this check.
    const binary = scriptedGit('GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git "$@"');
    const collect = () =>
      createGitCollector({ git: hardenedGit(repository.home, binary), workspace: repository.root }).collect({
        signal: deadline(),
      });
    expect(await reasonOf(collect())).toBe("DUBIOUS_OWNERSHIP");
    repository.git("config", "--global", "safe.directory", repository.root);
    expect(section(await collect())).toMatchObject({ branch: "main" });
  });

  test("G1: a bare repository", async () => {
    const repository = createRepository({ initArgs: ["--bare"] });
    expect(await reasonOf(collectIn(repository.root, repository.home))).toBe("BARE_REPOSITORY");
    const other = createRepository();
    other.git("config", "core.bare", "true");
    expect(await reasonOf(collectIn(other.root, other.home))).toBe("BARE_REPOSITORY");
  });

  test("G1: permission denied", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("config", "--global", "safe.directory", "*");
    const index = repository.path(".git", "index");
    chmodSync(index, 0o000);
    chmodSync(repository.home, 0o755);
    chmodSync(repository.root, 0o755);
    // Root may read everything, so git gives up its powers first.
    const binary = scriptedGit(
      process.getuid?.() === 0 ? 'exec setpriv --reuid=65534 --bounding-set=-all git "$@"' : 'exec git "$@"',
    );
    const git = hardenedGit(repository.home, binary);
    chmodSync(join(binary, ".."), 0o755);
    const collection = createGitCollector({ git, workspace: repository.root }).collect({
      signal: deadline(),
    });
    expect(await reasonOf(collection)).toBe("PERMISSION_DENIED");
  });

  test("G1: the repository is deleted while the server runs", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    const { git, collect } = watcher(repository.root, repository.home);
    expect(await git()).toMatchObject({ branch: "main" });
    rmSync(repository.path(".git"), { recursive: true });
    expect(await reasonOf(collect())).toBe("REPOSITORY_GONE");
    rmSync(repository.root, { recursive: true });
    expect(await reasonOf(collect())).toBe("REPOSITORY_GONE");
  });

  test("G1: it appears while the server runs", async () => {
    const home = temporaryHome();
    const workspace = temporaryDirectory();
    const { git, collect } = watcher(workspace, home);
    expect(await collect()).toMatchObject({ outcome: "no_data" });
    createRepository({ root: join(workspace, "new"), home }).commit({ "a.txt": "a\n" });
    expect(await git()).toMatchObject({ directory: join(workspace, "new") });
  });

  test("G1: a configuration that git does not understand", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    const { git, collect } = watcher(repository.root, repository.home);
    await git();
    writeFileSync(repository.path(".git", "config"), "[core\n", { flag: "a" });
    expect(await reasonOf(collect())).toBe("INVALID_CONFIG");
  });

  test("G1: a repository around a vanished one is not taken for it", async () => {
    const outer = createRepository();
    outer.commit({ "a.txt": "a\n" }, "outer");
    const inner = createRepository({ root: outer.path("inner"), home: outer.home });
    inner.commit({ "b.txt": "b\n" }, "inner");
    const git = hardenedGit(outer.home);
    rmSync(inner.path(".git"), { recursive: true });
    const { exitCode, stderr } = await git.run(["rev-parse", "HEAD"], {
      cwd: inner.root,
      signal: deadline(),
    });
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 128,
      stderr: expect.stringContaining("not a git repository"),
    });
  });
});

describe("G25: no other directory is shown", () => {
  const SECRET = "secret of another directory";

  /** A repository outside of the workspace that must not appear in any answer. */
  function foreignRepository(home: string): TestRepository {
    const foreign = createRepository({ home });
    foreign.git("checkout", "--quiet", "-b", "foreign-branch");
    foreign.commit({ "secret.txt": "secret\n" }, SECRET);
    return foreign;
  }

  async function refusal(workspace: string, home: string): Promise<string> {
    const error = await collectIn(workspace, home).then(JSON.stringify, (reason: unknown) => reason);
    expect(JSON.stringify([error, error instanceof Error && error.message])).not.toMatch(
      /secret|foreign-branch/,
    );
    return await reasonOf(collectIn(workspace, home));
  }

  test("G25: core.worktree elsewhere", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("config", "core.worktree", "/etc");
    expect(await refusal(repository.root, repository.home)).toBe("FOREIGN_WORK_TREE");
  });

  test("G25: core.worktree elsewhere, set while the server runs", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    const { git, collect } = watcher(repository.root, repository.home);
    await git();
    repository.git("config", "core.worktree", "/etc");
    expect(await reasonOf(collect())).toBe("FOREIGN_WORK_TREE");
  });

  test("G25: a .git file that points to a foreign repository", async () => {
    const home = temporaryHome();
    const workspace = temporaryDirectory();
    writeFileSync(join(workspace, ".git"), `gitdir: ${foreignRepository(home).path(".git")}\n`);
    expect(await refusal(workspace, home)).toBe("FOREIGN_GIT_DIRECTORY");
  });

  test("G25: a .git that is a link to a foreign one", async () => {
    const home = temporaryHome();
    const workspace = temporaryDirectory();
    symlinkSync(foreignRepository(home).path(".git"), join(workspace, ".git"));
    expect(await refusal(workspace, home)).toBe("FOREIGN_GIT_DIRECTORY");
  });

  test("G25: a .git file that points to the work tree of another", async () => {
    const home = temporaryHome();
    const foreign = foreignRepository(home);
    foreign.git("worktree", "add", "--quiet", "-b", "side", `${temporaryDirectory()}/side`);
    const workspace = temporaryDirectory();
    writeFileSync(join(workspace, ".git"), `gitdir: ${foreign.path(".git", "worktrees", "side")}\n`);
    expect(await refusal(workspace, home)).toBe("FOREIGN_GIT_DIRECTORY");
  });

  test("G25: a git directory whose commondir is a foreign one", async () => {
    const repository = createRepository();
    repository.write({ ".git/commondir": `${foreignRepository(repository.home).path(".git")}\n` });
    expect(await refusal(repository.root, repository.home)).toBe("FOREIGN_GIT_DIRECTORY");
  });

  test("G25: a git directory in which refs and objects are links to foreign ones", async () => {
    const repository = createRepository();
    const foreign = foreignRepository(repository.home);
    for (const name of ["refs", "objects", "HEAD"]) {
      rmSync(repository.path(".git", name), { recursive: true });
      symlinkSync(foreign.path(".git", name), repository.path(".git", name));
    }
    expect(await refusal(repository.root, repository.home)).toBe("FOREIGN_GIT_DIRECTORY");
  });

  const LINKS: readonly (readonly [what: string, own: string[], theirs: string[], looksLikeRef: boolean])[] =
    [
      ["a branch", ["refs", "heads", "main"], ["refs", "heads", "foreign-branch"], false],
      ["a directory of branches", ["refs", "heads"], ["refs", "heads"], false],
      ["what looks like a ref", ["refs", "heads", "main"], ["refs", "heads", "foreign-branch"], true],
      ["a directory of a remote's branches", ["refs", "remotes"], ["refs", "heads"], false],
      ["the log of the stash", ["logs", "refs", "stash"], ["logs", "HEAD"], false],
      ["the record of the last fetch", ["FETCH_HEAD"], ["HEAD"], false],
      ["the directory of linked work trees", ["worktrees"], ["refs"], false],
    ];

  test.each(LINKS)(
    "G25: a git directory with foreign objects, in which %s is a link to a foreign one",
    async (_, own, theirs, looksLikeRef) => {
      const repository = createRepository();
      const foreign = foreignRepository(repository.home);
      repository.write({ ".git/objects/info/alternates": `${foreign.path(".git", "objects")}\n` });
      const link = repository.path(".git", ...own);
      rmSync(link, { recursive: true, force: true });
      mkdirSync(join(dirname(link), "refs"), { recursive: true });
      const target = foreign.path(".git", ...theirs);
      symlinkSync(looksLikeRef ? `refs/../${relative(dirname(link), target)}` : target, link);
      expect(await refusal(repository.root, repository.home)).toBe("FOREIGN_GIT_DIRECTORY");
    },
  );

  test("G25: where links among the refs cannot be looked for, nothing is read", async (context) => {
    context.skip(process.getuid?.() === 0, "root may read every directory");
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    mkdirSync(repository.path(".git", "refs", "hidden"), { mode: 0o300 });
    expect(await reasonOf(collectIn(repository.root, repository.home))).toBe("PERMISSION_DENIED");
  });

  test("G25: links within the git directory are followed, those of git itself among them", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("branch", "other");
    rmSync(repository.path(".git", "refs", "heads", "main"));
    symlinkSync("other", repository.path(".git", "refs", "heads", "main"));
    mkdirSync(repository.path(".git", "refs", "remotes", "origin"), { recursive: true });
    symlinkSync("refs/remotes/origin/gone", repository.path(".git", "refs", "remotes", "origin", "HEAD"));
    expect(section(await collectIn(repository.root, repository.home))).toMatchObject({ branch: "main" });
  });

  test("G25: an embedded bare repository", async () => {
    const outer = createRepository();
    outer.commit({ "a.txt": "a\n" });
    cpSync(foreignRepository(outer.home).path(".git"), outer.path("docs"), { recursive: true });
    expect(await refusal(outer.path("docs"), outer.home)).toBe("EMBEDDED_BARE_REPOSITORY");
    expect(await refusal(outer.path("docs", "objects"), outer.home)).toBe("EMBEDDED_BARE_REPOSITORY");
    expect(section(await collectIn(outer.root, outer.home))).toMatchObject({ branch: "main" });
  });

  test("G25: git directories elsewhere that point back are accepted", async () => {
    const main = createRepository();
    main.commit({ "a.txt": "a\n" });
    const root = `${temporaryDirectory()}/linked`;
    main.git("worktree", "add", "--quiet", root);
    expect(section(await collectIn(root, main.home))).toMatchObject({ branch: "linked" });
    const outer = createRepository({ home: main.home });
    outer.git("submodule", "--quiet", "add", main.root, "sub");
    expect(section(await collectIn(outer.path("sub"), main.home))).toMatchObject({
      directory: outer.path("sub"),
    });
  });

  test("G25: a submodule whose settings git has moved to a file of their own is accepted", async () => {
    const library = createRepository();
    library.commit({ "a.txt": "a\n" });
    const outer = createRepository({ home: library.home });
    outer.git("submodule", "--quiet", "add", library.root, "sub");
    outer.git("-C", "sub", "sparse-checkout", "set", "directory");
    expect(section(await collectIn(outer.path("sub"), outer.home))).toMatchObject({
      directory: outer.path("sub"),
    });
  });

  test("G25: a git directory elsewhere in the workspace is accepted", async () => {
    const workspace = temporaryDirectory();
    const home = temporaryHome();
    const root = join(workspace, "repo");
    const initArgs = ["--separate-git-dir", join(workspace, "storage")];
    const repository = createRepository({ root, home, initArgs });
    repository.commit({ "a.txt": "a\n" });
    expect(section(await collectIn(workspace, home))).toMatchObject({ directory: root });
    expect(await reasonOf(collectIn(root, home))).toBe("FOREIGN_GIT_DIRECTORY");
  });

  test("G25: one that is refused does not stand in the way of the others, and is named", async () => {
    const { workspace, home } = workspaceOf({ good: 1 });
    mkdirSync(join(workspace, "evil"));
    writeFileSync(join(workspace, "evil", ".git"), `gitdir: ${foreignRepository(home).path(".git")}\n`);
    const collected = await collectIn(workspace, home);
    expect(collected).toMatchObject({ warning: { reason: "FOREIGN_GIT_DIRECTORY" } });
    expect(section(collected)).toMatchObject({ directory: join(workspace, "good"), repositoryCount: 1 });
  });

  test("G25: what a repository's configuration includes does not appear in a message", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    const secret = join(temporaryDirectory(), "secret");
    writeFileSync(secret, "[core]\n\tabbrev = secret\n[status]\n\taheadBehind = secret\n[secret\n");
    repository.git("config", "include.path", secret);
    expect(
      await collectIn(repository.root, repository.home).catch(({ message }: Error) => message),
    ).not.toContain("= ");
    expect(await reasonOf(collectIn(repository.root, repository.home))).toBe("INVALID_CONFIG");
  });
});
