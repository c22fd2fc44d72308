// Part A of the guarantees: what the answer is in every state of a repository.

import { describe, expect, test } from "vitest";
import { GitOperation, GitStatus } from "../../../src/gen/fleet/metadata/v1/git_pb.ts";
import { gitOf } from "../../helpers/git-source.ts";
import { createRepository, repositoryAt, temporaryDirectory } from "../../helpers/repository.ts";

describe("branch and commit", () => {
  test("G2: an unborn branch has a name, a status and no commit", async () => {
    const repository = createRepository();
    repository.write({ "a.txt": "one\ntwo\n" });
    const git = await gitOf(repository);
    expect(git.commit).toBeUndefined();
    expect(git).toMatchObject({
      branch: "main",
      detached: false,
      status: GitStatus.UNTRACKED,
      untrackedFiles: 1,
      diff: { insertions: 0, deletions: 0 },
    });
  });

  test("G10: on an unborn branch, lines are counted against the empty tree", async () => {
    const repository = createRepository();
    repository.write({ "a.txt": "one\ntwo\n" });
    repository.git("add", "a.txt");
    expect(await gitOf(repository)).toMatchObject({
      status: GitStatus.STAGED,
      stagedFiles: 1,
      diff: { insertions: 2, deletions: 0 },
    });
  });

  test("a commit is told whole", async () => {
    const repository = createRepository();
    const sha = repository.commit({ "a.txt": "a\n" }, "Subject\n\nBody\twith a tab\n");
    const git = await gitOf(repository);
    expect(git).toMatchObject({
      status: GitStatus.CLEAN,
      operation: GitOperation.NONE,
      directory: repository.root,
    });
    expect(git.commit).toMatchObject({
      sha,
      hash: sha.slice(0, 7),
      message: "Subject\n\nBody\twith a tab",
      author: "Test Author",
    });
  });

  test("G3: a detached HEAD has no branch", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("checkout", "--quiet", "--detach");
    const git = await gitOf(repository);
    expect(git.branch).toBeUndefined();
    expect(git.detached).toBe(true);
  });
});

describe("upstream and base", () => {
  test("ahead and behind are counted against the upstream and the default branch", async () => {
    const origin = createRepository();
    origin.commit({ "a.txt": "a\n" });
    const root = `${temporaryDirectory()}/clone`;
    origin.git("clone", "--quiet", origin.root, root);
    const clone = repositoryAt(root, origin.home);
    clone.git("checkout", "--quiet", "-b", "topic", "origin/main");
    clone.commit({ "b.txt": "b\n" });
    origin.commit({ "c.txt": "c\n" });
    origin.commit({ "d.txt": "d\n" });
    clone.git("fetch", "--quiet");
    expect(await gitOf(clone)).toMatchObject({
      branch: "topic",
      upstream: "origin/main",
      ahead: 1,
      behind: 2,
      base: { branch: "main", ahead: 1, behind: 2 },
      remote: { name: "origin", url: origin.root },
    });
  });
});
