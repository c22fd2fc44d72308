// Part A of the guarantees: what the answer is in every state of a repository.

import { spawnSync } from "node:child_process";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { countStashes } from "../../../src/collectors/git/stashes.ts";
import { GitOperation, GitStatus } from "../../../src/gen/fleet/metadata/v1/git_pb.ts";
import { gitOf } from "../../helpers/git-source.ts";
import {
  createRepository,
  repositoryAt,
  type TestRepository,
  temporaryDirectory,
} from "../../helpers/repository.ts";

/** Runs a git command that stops half-way, with a failure. */
function stops(repository: TestRepository, ...args: string[]): void {
  expect(() => repository.git(...args)).toThrow();
}

/** Two branches, `main` (checked out) and `topic`, that change the same line of `a.txt`. */
function diverged(): TestRepository {
  const repository = createRepository();
  repository.commit({ "a.txt": "base\n" });
  repository.git("checkout", "--quiet", "-b", "topic");
  repository.commit({ "a.txt": "topic\n" }, "on topic");
  repository.git("checkout", "--quiet", "main");
  repository.commit({ "a.txt": "main\n" }, "on main");
  return repository;
}

function cloneOf(origin: TestRepository, ...args: string[]): TestRepository {
  const root = `${temporaryDirectory()}/clone`;
  origin.git("clone", "--quiet", ...args, `file://${origin.root}`, root);
  return repositoryAt(root, origin.home);
}

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

  test("a commit is told whole", async () => {
    const repository = createRepository();
    const sha = repository.commit({ "a.txt": "a\n" }, "Subject\n\nBody\twith a tab\n");
    const git = await gitOf(repository);
    const { status, operation, directory } = git;
    expect({ status, operation, directory }).toEqual({
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
    const seconds = Number(repository.git("log", "-1", "--format=%ct"));
    expect(Number(git.commit?.time?.seconds)).toBe(seconds);
  });

  test("G3: a detached HEAD has no branch", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("checkout", "--quiet", "--detach");
    const git = await gitOf(repository);
    expect(git.branch).toBeUndefined();
    expect(git.detached).toBe(true);
  });

  test.each(["--merge", "--apply"])(
    "G3, G4: during a rebase (%s) the branch is the one being rebased",
    async (kind) => {
      const repository = diverged();
      repository.git("checkout", "--quiet", "topic");
      stops(repository, "rebase", kind, "main");
      expect(await gitOf(repository)).toMatchObject({
        branch: "topic",
        detached: true,
        operation: GitOperation.REBASE,
        status: GitStatus.CONFLICTED,
      });
    },
  );

  test("G3: a branch may be called (detached)", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("checkout", "--quiet", "-b", "(detached)");
    expect(await gitOf(repository)).toMatchObject({ branch: "(detached)", detached: false });
  });

  test("G7: a tag of the same name does not change the branch's", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("tag", "main");
    expect(repository.git("rev-parse", "--abbrev-ref", "HEAD").trim()).toBe("heads/main");
    expect(await gitOf(repository)).toMatchObject({ branch: "main" });
  });

  test.each([
    "feature/with/slashes",
    "quo\"te'd",
    "🚀/äöü",
    "#hash",
    "a".repeat(240),
    `${"a".repeat(120)}/${"b".repeat(129)}`,
  ])("G13: the branch %s", async (branch) => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("checkout", "--quiet", "-b", branch);
    expect(await gitOf(repository)).toMatchObject({ branch, detached: false });
  });
});

describe("operations", () => {
  test.each([
    ["merge", GitOperation.MERGE],
    ["cherry-pick", GitOperation.CHERRY_PICK],
  ] as const)("G4: %s", async (command, operation) => {
    const repository = diverged();
    stops(repository, command, "topic");
    expect(await gitOf(repository)).toMatchObject({ operation, branch: "main", conflictedFiles: 1 });
  });

  test("G4: revert", async () => {
    const repository = diverged();
    repository.commit({ "a.txt": "later\n" });
    stops(repository, "revert", "--no-edit", "HEAD~1");
    expect(await gitOf(repository)).toMatchObject({ operation: GitOperation.REVERT });
  });

  test("G4: cherry-pick of several commits, the conflict committed, the rest to be done", async () => {
    const repository = diverged();
    repository.git("checkout", "--quiet", "topic");
    repository.commit({ "b.txt": "b\n" });
    repository.git("checkout", "--quiet", "main");
    stops(repository, "cherry-pick", "topic~1", "topic");
    repository.commit({ "a.txt": "solved\n" });
    expect(await gitOf(repository)).toMatchObject({ operation: GitOperation.CHERRY_PICK });
  });

  test("G4: bisect", async () => {
    const repository = createRepository();
    for (const line of ["1", "2", "3", "4"]) repository.commit({ "a.txt": `${line}\n` });
    repository.git("bisect", "start", "HEAD", "HEAD~3");
    expect(await gitOf(repository)).toMatchObject({ operation: GitOperation.BISECT, detached: true });
  });

  test("G4: am", async () => {
    const repository = diverged();
    const patch = repository.git("format-patch", "--stdout", "-1", "topic");
    repository.write({ ".git/topic.patch": patch });
    stops(repository, "am", ".git/topic.patch");
    expect(await gitOf(repository)).toMatchObject({ operation: GitOperation.AM, branch: "main" });
  });
});

describe("upstream, base and remote", () => {
  test("ahead and behind are counted against the upstream and the default branch", async () => {
    const origin = createRepository();
    origin.commit({ "a.txt": "a\n" });
    const clone = cloneOf(origin);
    clone.git("checkout", "--quiet", "-b", "topic", "origin/main");
    clone.commit({ "b.txt": "b\n" });
    origin.commit({ "c.txt": "c\n" });
    origin.commit({ "d.txt": "d\n" });
    const before = Date.now() - 5_000;
    clone.git("fetch", "--quiet");
    const git = await gitOf(clone);
    expect(git).toMatchObject({
      branch: "topic",
      upstream: "origin/main",
      ahead: 1,
      behind: 2,
      base: { branch: "main", ahead: 1, behind: 2 },
      remote: { name: "origin", url: `file://${origin.root}` },
    });
    expect(Number(git.lastFetchTime?.seconds) * 1000).toBeGreaterThan(before);
  });

  test("G5: an upstream that is gone keeps its name and has no counts", async () => {
    const origin = createRepository();
    origin.commit({ "a.txt": "a\n" });
    const clone = cloneOf(origin);
    clone.git("update-ref", "-d", "refs/remotes/origin/main");
    const git = await gitOf(clone);
    expect(git.upstream).toBe("origin/main");
    expect([git.ahead, git.behind, git.base]).toEqual([undefined, undefined, undefined]);
  });

  test("G5: no upstream, no counts", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    const git = await gitOf(repository);
    expect([git.upstream, git.ahead, git.behind, git.remote]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("G5: a local branch can be the upstream", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    repository.git("checkout", "--quiet", "--track", "-b", "topic", "main");
    repository.commit({ "b.txt": "b\n" });
    expect(await gitOf(repository)).toMatchObject({ upstream: "main", ahead: 1, behind: 0 });
  });

  test("G5: an upstream under another refspec than the usual one", async () => {
    const origin = createRepository();
    origin.commit({ "a.txt": "a\n" });
    const clone = cloneOf(origin);
    clone.git("config", "remote.origin.fetch", "+refs/heads/*:refs/elsewhere/*");
    clone.git("fetch", "--quiet");
    clone.commit({ "b.txt": "b\n" });
    expect(await gitOf(clone)).toMatchObject({ ahead: 1, behind: 0 });
  });

  test("without knowledge of the remote's default branch, one of a common name serves", async () => {
    const origin = createRepository({ initArgs: ["--initial-branch=master"] });
    origin.commit({ "a.txt": "a\n" });
    const clone = cloneOf(origin);
    clone.git("remote", "set-head", "origin", "--delete");
    clone.commit({ "b.txt": "b\n" });
    expect(await gitOf(clone)).toMatchObject({ base: { branch: "master", ahead: 1, behind: 0 } });
  });

  test("G28: the address has no credentials, also where insteadOf adds them", async () => {
    const repository = createRepository();
    repository.git("remote", "add", "other", "gh:owner/name.git");
    repository.git("config", "--global", "url.https://user:secret@github.com/.insteadOf", "gh:");
    const git = await gitOf(repository);
    expect(git.remote).toMatchObject({ name: "other", url: "https://github.com/owner/name.git" });
  });
});

describe("work trees", () => {
  test("G6: a linked work tree", async () => {
    const main = createRepository();
    main.commit({ "a.txt": "a\n" });
    const root = `${temporaryDirectory()}/linked`;
    main.git("worktree", "add", "--quiet", "-b", "side", root);
    const linked = repositoryAt(root, main.home);
    linked.commit({ "a.txt": "side\n" });
    linked.git("checkout", "--quiet", "-b", "more", "HEAD~1");
    linked.commit({ "a.txt": "more\n" });
    stops(linked, "merge", "side");
    expect(await gitOf(linked)).toMatchObject({
      branch: "more",
      worktree: true,
      operation: GitOperation.MERGE,
      directory: root,
    });
    expect(await gitOf(main)).toMatchObject({
      branch: "main",
      worktree: false,
      operation: GitOperation.NONE,
    });
  });

  test("G6: inside a submodule", async () => {
    const library = createRepository();
    library.commit({ "lib.txt": "lib\n" }, "in the library");
    const outer = createRepository({ home: library.home });
    outer.git("submodule", "--quiet", "add", library.root, "sub");
    outer.commit({});
    const inner = repositoryAt(outer.path("sub"), library.home);
    inner.write({ "lib.txt": "changed\n" });
    const git = await gitOf(inner);
    expect(git).toMatchObject({ directory: inner.root, modifiedFiles: 1, worktree: false });
    expect(git.commit?.message).toBe("in the library");
  });

  test("G11: a shallow clone says so", async () => {
    const origin = createRepository();
    origin.commit({ "a.txt": "1\n" });
    origin.commit({ "a.txt": "2\n" });
    expect(await gitOf(cloneOf(origin, "--depth=1"))).toMatchObject({ shallow: true });
    expect(await gitOf(origin)).toMatchObject({ shallow: false });
  });

  test("G11: nothing that a partial clone lacks is fetched", async () => {
    const origin = createRepository();
    origin.git("config", "uploadpack.allowFilter", "true");
    origin.commit({ "a.txt": "1\n", "b.txt": "b\n" });
    origin.commit({ "a.txt": "2\n" });
    const clone = cloneOf(origin, "--filter=blob:none");
    const missing = () =>
      clone.git("rev-list", "--all", "--objects", "--missing=print").match(/^\?/gm)?.length;
    expect(missing()).toBe(1);
    clone.git("reset", "--quiet", "--soft", "HEAD~1");
    const git = await gitOf(clone);
    expect(git).toMatchObject({ branch: "main", stagedFiles: 1, shallow: false });
    expect(git.diff).toBeUndefined();
    expect(missing()).toBe(1);
  });
});

describe("files", () => {
  test("G8: names with blanks, line breaks, quotes and bytes that are no UTF-8", async () => {
    const repository = createRepository();
    repository.commit({
      "with blank": "1\n",
      "line\nbreak": "1\n",
      'quo"te': "1\n",
      "old name": "same\nsame\n",
    });
    repository.git("mv", "old name", "new\nname");
    repository.write({ "with blank": "2\n", "line\nbreak": "2\n", 'quo"te': "2\n", "? x": "", "u x": "" });
    const bytes = Buffer.concat([Buffer.from(`${repository.root}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(bytes, "1\n");
    repository.git("add", "--intent-to-add", ".");
    repository.git("reset", "--quiet", "--", "? x", "u x");
    expect(await gitOf(repository)).toMatchObject({
      stagedFiles: 1,
      modifiedFiles: 4,
      untrackedFiles: 2,
      conflictedFiles: 0,
      diff: { insertions: 4, deletions: 3 },
    });
  });

  test("G9: conflicts of all seven kinds", async () => {
    const repository = createRepository();
    const blob = (content: string) => {
      repository.write({ ".git/blob": content });
      return repository.git("hash-object", "-w", ".git/blob").trim();
    };
    repository.commit({ "a.txt": "a\n" });
    const stages = { DD: [1], AU: [2], UD: [1, 2], UA: [3], DU: [1, 3], AA: [2, 3], UU: [1, 2, 3] };
    const lines = Object.entries(stages).flatMap(([name, numbers]) =>
      numbers.map((stage) => `100644 ${blob(`${stage}\n`)} ${stage}\t${name}`),
    );
    const input = `${lines.join("\n")}\n`;
    const env = { PATH: process.env["PATH"], HOME: repository.home };
    spawnSync("git", ["update-index", "--index-info"], { cwd: repository.root, env, input });
    expect(repository.git("status", "--porcelain").match(/^(?:DD|AU|UD|UA|DU|AA|UU) /gm)?.length).toBe(7);
    expect(await gitOf(repository)).toMatchObject({
      status: GitStatus.CONFLICTED,
      conflictedFiles: 7,
      stagedFiles: 0,
      modifiedFiles: 0,
    });
  });

  test("G9: renames staged and not, a change of type, deleted files", async () => {
    const repository = createRepository();
    const text = (word: string) => `${word}\n`.repeat(20);
    repository.commit({
      staged: text("a"),
      moved: text("b"),
      type: text("c"),
      gone: text("d"),
      removed: text("e"),
    });
    repository.git("mv", "staged", "staged-new");
    repository.git("mv", "moved", "moved-new");
    repository.git("reset", "--quiet", "--", "moved", "moved-new");
    repository.git("add", "--intent-to-add", "moved-new");
    rmSync(repository.path("type"));
    symlinkSync("staged-new", repository.path("type"));
    rmSync(repository.path("gone"));
    repository.git("rm", "--quiet", "removed");
    // Staged: the rename and the removal. Not staged: the rename, which counts once, the type and the deletion.
    expect(await gitOf(repository)).toMatchObject({ stagedFiles: 2, modifiedFiles: 3, untrackedFiles: 0 });
  });

  test("G9: a file staged and changed again counts twice, the word is the stronger one", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "1\n" });
    repository.write({ "a.txt": "2\n" });
    repository.git("add", "a.txt");
    repository.write({ "a.txt": "3\n" });
    expect(await gitOf(repository)).toMatchObject({
      status: GitStatus.STAGED,
      stagedFiles: 1,
      modifiedFiles: 1,
    });
  });

  test("G9: a submodule at another commit is a change, changes inside it are its own", async () => {
    const library = createRepository();
    library.commit({ "lib.txt": "lib\n" });
    const outer = createRepository({ home: library.home });
    outer.git("submodule", "--quiet", "add", library.root, "sub");
    outer.commit({});
    const inner = repositoryAt(outer.path("sub"), library.home);
    inner.write({ "lib.txt": "changed\n", "new.txt": "new\n" });
    expect(await gitOf(outer)).toMatchObject({ status: GitStatus.CLEAN });
    inner.commit({});
    expect(await gitOf(outer)).toMatchObject({
      status: GitStatus.MODIFIED,
      modifiedFiles: 1,
      diff: { insertions: 0, deletions: 0 },
    });
  });

  test("G9: sparse checkout and assume-unchanged are respected", async () => {
    const repository = createRepository();
    repository.commit({ "in/a.txt": "a\n", "out/b.txt": "b\n", "c.txt": "c\n" });
    repository.git("sparse-checkout", "set", "in");
    repository.git("update-index", "--assume-unchanged", "c.txt");
    repository.write({ "c.txt": "changed\n" });
    expect(await gitOf(repository)).toMatchObject({ status: GitStatus.CLEAN });
  });

  test("G9: what the repository's configuration says about status does not count", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    for (const [key, value] of [
      ["status.showUntrackedFiles", "no"],
      ["status.renames", "false"],
      ["status.branch", "false"],
      ["status.short", "true"],
      ["color.status", "always"],
      ["column.status", "always"],
      ["diff.noprefix", "true"],
      ["diff.ignoreSubmodules", "none"],
      ["core.quotePath", "false"],
    ] as const) {
      repository.git("config", key, value);
    }
    repository.write({ "new/1.txt": "", "new/2.txt": "" });
    expect(await gitOf(repository)).toMatchObject({
      branch: "main",
      status: GitStatus.UNTRACKED,
      untrackedFiles: 2,
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

  test("G10: the same in a SHA-256 repository", async () => {
    const repository = createRepository({ initArgs: ["--object-format=sha256"] });
    repository.write({ "a.txt": "one\n" });
    repository.git("add", "a.txt");
    expect(await gitOf(repository)).toMatchObject({ diff: { insertions: 1, deletions: 0 } });
    const sha = repository.commit({});
    expect((await gitOf(repository)).commit?.sha).toBe(sha);
    expect(sha).toHaveLength(64);
  });

  test("G10: staged and unstaged lines are counted together, binary files count none", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "1\n2\n3\n", "b.bin": Buffer.from([0, 1]), "c.txt": "1\n" });
    repository.write({ "a.txt": "1\n", "b.bin": Buffer.from([0, 1, 10, 2, 10]) });
    repository.git("add", "a.txt");
    repository.write({ "c.txt": "1\n2\n" });
    expect(await gitOf(repository)).toMatchObject({ diff: { insertions: 1, deletions: 2 } });
  });

  test("G10: lines changed in the index and again in the work tree count once", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "1\n2\n", "b.txt": "1\n" });
    repository.write({ "a.txt": "1\nx\n", "b.txt": "1\n2\n" });
    repository.git("add", "a.txt");
    repository.write({ "a.txt": "1\ny\n" });
    expect(await gitOf(repository)).toMatchObject({ diff: { insertions: 2, deletions: 1 } });
  });

  test("entries on the stash are counted", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    expect(await gitOf(repository)).toMatchObject({ stashes: 0 });
    for (const text of ["b\n", "c\n"]) {
      repository.write({ "a.txt": text });
      repository.git("stash", "--quiet");
    }
    expect(await gitOf(repository)).toMatchObject({ stashes: 2 });
    const { root, gitDir } = { root: repository.root, gitDir: repository.path(".git") };
    expect(await countStashes({ root, gitDir, commonDir: gitDir })).toBe(2);
  });
});

describe("messages", () => {
  /** Commits with exactly these bytes as the message. */
  function commitBytes(repository: TestRepository, message: Buffer): void {
    repository.write({ ".git/message": message });
    repository.git(
      "commit",
      "--quiet",
      "--allow-empty",
      "--allow-empty-message",
      "--cleanup=verbatim",
      "-F",
      ".git/message",
    );
  }

  test("G12: another encoding", async () => {
    const repository = createRepository();
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1");
    commitBytes(repository, Buffer.from("Größe\n", "latin1"));
    expect((await gitOf(repository)).commit?.message).toBe("Größe");
  });

  test.each(["", "-5", "yesterday", "99999999999999999999"])(
    "G12: a date that is none, %j, is absent, and nothing else is",
    async (date) => {
      const repository = createRepository();
      repository.commit({ "a.txt": "a\n" });
      const tree = repository.git("rev-parse", "HEAD^{tree}").trim();
      const by = `A <a@example.com> ${date} +0000`;
      repository.write({ "undated.commit": `tree ${tree}\nauthor ${by}\ncommitter ${by}\n\nundated\n` });
      const oid = repository.git("hash-object", "-t", "commit", "-w", "--literally", "undated.commit").trim();
      repository.git("update-ref", "refs/heads/main", oid);
      const { commit, branch } = await gitOf(repository);
      expect(branch).toBe("main");
      expect(commit).toMatchObject({ sha: oid, message: "undated", author: "A" });
      expect(commit?.time).toBeUndefined();
    },
  );

  test("G12: bytes that are no UTF-8 still give text", async () => {
    const repository = createRepository();
    repository.git("config", "i18n.commitEncoding", "no-such-encoding");
    commitBytes(repository, Buffer.from([0x61, 0xff, 0x62, 0x0a]));
    expect((await gitOf(repository)).commit?.message).toBe("a\uFFFDb");
  });

  test("G12: an empty one", async () => {
    const repository = createRepository();
    commitBytes(repository, Buffer.alloc(0));
    expect((await gitOf(repository)).commit?.message).toBe("");
  });

  test("G12: one of a megabyte is read as far as it can matter", async () => {
    const repository = createRepository();
    commitBytes(repository, Buffer.from(`ü${"long ".repeat(200_000)}\n`));
    const message = (await gitOf(repository)).commit?.message ?? "";
    expect(message.startsWith("ülong long")).toBe(true);
    expect(message.length).toBeGreaterThan(50_000);
    expect(message.length).toBeLessThan(200_000);
  });

  test("G12: escapes and bidirectional controls are passed on for cleaning", async () => {
    const repository = createRepository();
    commitBytes(repository, Buffer.from("a\u001b[31m\u202eb\n"));
    expect((await gitOf(repository)).commit?.message).toBe("a\u001b[31m\u202eb");
  });
});
