import { appendFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { gitIn, type Repository, smallRepository, watched } from "../../../helpers/watch-repository.ts";

/** A second branch that conflicts with the first, and an upstream. */
function branched(): Repository {
  const repository = smallRepository();
  const remote = `${repository.root}-remote`;
  repository.git("clone", "-q", "--bare", ".", remote);
  repository.git("remote", "add", "origin", remote);
  repository.git("push", "-q", "-u", "origin", "main");
  repository.git("checkout", "-qb", "other");
  repository.write("docs/page.txt", "of the other\n");
  repository.git("commit", "-qam", "other");
  repository.git("checkout", "-q", "main");
  repository.write("docs/page.txt", "of main\n");
  repository.git("commit", "-qam", "main");
  return repository;
}

/** Runs git where a conflict makes it fail. */
function conflicting(repository: Repository, ...args: string[]): void {
  expect(() => repository.git(...args)).toThrow();
}

describe("changes in the git directory alone", () => {
  const changes: [string, (repository: Repository) => unknown][] = [
    [
      "add, by the rename of index.lock to index",
      (r) => r.git("update-index", "--chmod=+x", "docs/page.txt"),
    ],
    ["an empty commit", (r) => r.git("commit", "-q", "--allow-empty", "-m", "empty")],
    ["a branch switch without a change of files", (r) => r.git("checkout", "-qb", "third")],
    ["detaching HEAD", (r) => r.git("checkout", "-q", "--detach")],
    ["a branch with new directories in its name", (r) => r.git("branch", "a/b/c/d")],
    ["a removed branch", (r) => r.git("branch", "-qD", "other")],
    ["packed refs", (r) => r.git("pack-refs", "--all")],
    ["a fetch", (r) => r.git("fetch", "-q")],
    ["a push", (r) => r.git("push", "-q")],
    ["a new remote", (r) => r.git("remote", "set-url", "origin", "/elsewhere")],
    ["an upstream set", (r) => r.git("branch", "-q", "--set-upstream-to=other")],
    ["the remote's default branch", (r) => r.git("remote", "set-head", "origin", "main")],
    ["a bisect", (r) => r.git("bisect", "start")],
    ["a stash dropped below the newest", (r) => r.git("stash", "drop", "-q", "stash@{1}")],
    ["shallow", (r) => writeFileSync(r.path(".git/shallow"), "")],
    ["MERGE_HEAD", (r) => writeFileSync(r.path(".git/MERGE_HEAD"), "")],
    ["CHERRY_PICK_HEAD", (r) => writeFileSync(r.path(".git/CHERRY_PICK_HEAD"), "")],
    ["REVERT_HEAD", (r) => writeFileSync(r.path(".git/REVERT_HEAD"), "")],
    ["a change of info/attributes", (r) => writeFileSync(r.path(".git/info/attributes"), "*.txt -text\n")],
    ["objects that go", (r) => renameSync(r.path(".git/objects"), r.path(".git/objects-away"))],
    ["config.worktree", (r) => writeFileSync(r.path(".git/config.worktree"), "[core]\n")],
  ];
  it.each(changes)("G20: %s is noticed", async (_, change) => {
    const repository = branched();
    for (const text of ["one\n", "two\n"]) {
      repository.write("docs/page.txt", text);
      repository.git("stash", "-q");
    }
    const watch = await watched(repository);
    await watch.noticed(() => change(repository));
  });

  it("G20: merge, rebase, cherry-pick, revert and am are noticed as they begin and as they are given up", async () => {
    const repository = branched();
    const patch = repository.path("../other.patch");
    writeFileSync(patch, repository.git("format-patch", "--stdout", "-1", "other"));
    const watch = await watched(repository);
    for (const args of [
      ["merge", "other"],
      ["rebase", "other"],
      ["rebase", "--apply", "other"],
      ["cherry-pick", "other"],
      ["revert", "HEAD~1"],
      ["am", "-q", patch],
    ]) {
      if (args[0] === "revert") {
        repository.write("docs/page.txt", "once more\n");
        repository.git("commit", "-qam", "between");
      }
      await watch.noticed(() => conflicting(repository, ...args));
      await watch.noticed(() => repository.git(args[0] ?? "", "--abort"));
    }
  });

  it("G20: each ref is noticed below directories of refs that are new, removed, and new again", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    for (let round = 0; round < 2; round += 1) {
      await watch.noticed(() => repository.git("update-ref", "refs/remotes/origin/feature/one", "HEAD"));
      await watch.noticed(() => repository.git("update-ref", "refs/remotes/origin/feature/two", "HEAD"));
      await watch.noticed(() => repository.git("pack-refs", "--all"));
      await watch.noticed(() => repository.git("update-ref", "-d", "refs/remotes/origin/feature/two"));
    }
  });

  it("G20: a git directory that is removed and made again is watched again", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    await watch.noticed(() => rmSync(repository.path(".git"), { recursive: true }));
    await watch.noticed(() => repository.git("init", "-q", "-b", "main"));
    await watch.reached(() => watch.coverage.at(-1) === "complete");
    await watch.noticed(() => repository.git("update-index", "--add", "docs/page.txt"));
    await watch.noticed(() => repository.git("checkout", "-q", "--orphan", "another"));
    await watch.noticed(() => repository.write("src/deep/file.txt", "changed\n"));
    repository.git("commit", "-qm", "again");
    await watch.noticed(() => repository.git("branch", "new/branch"));
    await watch.noticed(() => repository.git("branch", "new/other"));
  });

  it("G20: refs are watched again when their directory is replaced", async () => {
    const repository = smallRepository();
    repository.git("pack-refs", "--all");
    const watch = await watched(repository);
    await watch.noticed(() => {
      renameSync(repository.path(".git/refs"), repository.path(".git/refs-away"));
      mkdirSync(repository.path(".git/refs/heads"), { recursive: true });
    });
    await watch.noticed(() => repository.git("branch", "one"));
    await watch.noticed(() => repository.git("branch", "two"));
  });

  it("G4, G20: a file of an operation is noticed in a directory that was made before it, each time", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    for (const [directory, file] of [
      ["rebase-apply", "applying"],
      ["rebase-merge", "head-name"],
      ["rebase-apply", "head-name"],
    ]) {
      await watch.noticed(() => mkdirSync(repository.path(`.git/${directory}`)));
      await watch.noticed(() => repository.write(`.git/${directory}/${file}`));
      await watch.noticed(() => rmSync(repository.path(`.git/${directory}`), { recursive: true }));
    }
  });

  it("G6: of a linked worktree, its own git directory and the shared one are watched", async () => {
    const repository = smallRepository();
    const root = `${repository.root}-linked`;
    repository.git("worktree", "add", "-q", "-b", "linked", root);
    const git = gitIn(root, repository.home);
    const gitDir = repository.path(".git/worktrees/repository-linked");
    const watch = await watched(repository, {
      workspace: dirname(root),
      locations: [{ root, gitDir, commonDir: repository.path(".git") }],
    });
    await watch.noticed(() => git("checkout", "-q", "--detach"));
    await watch.noticed(() => git("update-index", "--chmod=+x", "docs/page.txt"));
    await watch.noticed(() => git("branch", "new/branch"));
    await watch.noticed(() => git("bisect", "start"));
    await watch.noticed(() => appendFileSync(`${root}/docs/page.txt`, "more\n"));
    await watch.noticed(() => renameSync(root, `${root}-away`));
    await watch.noticed(() => cpSync(`${root}-away`, root, { recursive: true }));
    await watch.noticed(() => appendFileSync(`${root}/docs/page.txt`, "and more\n"));
    await watch.noticed(() => renameSync(`${root}/.git`, `${root}/.git-away`));
  });
});

describe("what does not concern an answer", () => {
  const silent: [string, (repository: Repository) => unknown][] = [
    ["status that takes no lock", (r) => r.git("--no-optional-locks", "status")],
    [
      "diff, log and rev-list",
      (r) => [["diff", "HEAD"], ["log"], ["rev-list", "HEAD"]].map((args) => r.git(...args)),
    ],
    ["objects", (r) => r.git("hash-object", "-w", "docs/page.txt", "src/deep/file.txt", ".gitignore")],
    [
      "a lock that is taken and given back",
      (r) => {
        writeFileSync(r.path(".git/index.lock"), "");
        writeFileSync(r.path(".git/refs/heads/main.lock"), "");
        rmSync(r.path(".git/index.lock"));
        rmSync(r.path(".git/refs/heads/main.lock"));
      },
    ],
    ["an edited commit message", (r) => writeFileSync(r.path(".git/COMMIT_EDITMSG"), "")],
    ["a file in an ignored directory", (r) => r.write("node_modules/package/index.js", "changed\n")],
    ["a directory in an ignored directory", (r) => r.write("node_modules/other/lib/index.js")],
  ];
  it.each(silent)("G16, G20: %s: nothing is heard", async (_, change) => {
    const repository = smallRepository();
    repository.git("update-index", "--refresh", "-q");
    const watch = await watched(repository);
    expect(
      await watch.heardBefore(
        () => change(repository),
        () => repository.write("sentinel.txt"),
      ),
    ).toBe(0);
  });
});
