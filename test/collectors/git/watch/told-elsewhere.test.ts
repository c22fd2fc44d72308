// Changes that are told by no file of the work tree, and by none of the usual files of the git directory.

import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Problem } from "../../../../src/collectors/collector.ts";
import { createGitCollector } from "../../../../src/collectors/git/index.ts";
import { GitOperation, GitStatus } from "../../../../src/gen/fleet/metadata/v1/git_pb.ts";
import { deadline, gitOf, hardenedGit, section } from "../../../helpers/git-source.ts";
import {
  createRepository,
  repositoryAt,
  type TestRepository,
  temporaryDirectory,
} from "../../../helpers/repository.ts";

/** A followed repository: `after` does something and gives the state once an event has told of it. */
async function follow(repository: TestRepository, workspace = repository.root) {
  const collector = createGitCollector({ git: hardenedGit(repository.home), workspace });
  const end = new AbortController();
  const complete = Promise.withResolvers<void>();
  let heard = Promise.withResolvers<void>();
  const listener = {
    changed: () => heard.resolve(),
    coverage: (state: "complete" | Problem) => state === "complete" && complete.resolve(),
  };
  collector.watch?.(listener, end.signal);
  const collect = async () => section(await collector.collect({ signal: deadline() }));
  await collect();
  await complete.promise;
  await collect();
  const after = async (change: () => void) => {
    heard = Promise.withResolvers<void>();
    change();
    await heard.promise;
    return await collect();
  };
  return { after, collect, end };
}

test("G9, G20: a commit inside a submodule is a change of the repository around it", async () => {
  const library = createRepository();
  library.commit({ "lib.txt": "1\n" });
  const repository = createRepository();
  repository.commit({ "a.txt": "1\n" });
  repository.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", library.root, "sm");
  repository.git("commit", "--quiet", "--message", "submodule");
  const { after, collect, end } = await follow(repository);
  expect(await collect()).toMatchObject({ status: GitStatus.CLEAN });
  const changed = await after(() =>
    repository.git("-C", "sm", "commit", "--quiet", "--allow-empty", "--message", "inside"),
  );
  expect(changed).toMatchObject({ status: GitStatus.MODIFIED, modifiedFiles: 1 });
  end.abort();
});

test("G4, G20: the end of a sequence of picks is noticed, though nothing but its list of steps goes", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "1\n" });
  repository.commit({ "a.txt": "2\n" });
  repository.commit({ "a.txt": "3\n" });
  const main = repository.git("rev-parse", "HEAD").trim();
  repository.git("checkout", "--quiet", "-b", "picks", "HEAD~2");
  writeFileSync(repository.path("a.txt"), "other\n");
  repository.git("commit", "--quiet", "--all", "--message", "other");
  expect(() => repository.git("cherry-pick", `${main}~1`, main)).toThrow();
  writeFileSync(repository.path("a.txt"), "resolved\n");
  repository.git("commit", "--quiet", "--all", "--message", "resolved");
  const { after, collect, end } = await follow(repository);
  expect(await collect()).toMatchObject({ operation: GitOperation.CHERRY_PICK });
  const quit = await after(() => repository.git("cherry-pick", "--quit"));
  expect(quit).toMatchObject({ operation: GitOperation.NONE });
  end.abort();
});

test("G10: a rename of which one half is staged is no change of lines", async () => {
  const repository = createRepository();
  const lines = Array.from({ length: 20 }, (_, index) => `${index}\n`).join("");
  repository.commit({ a: lines });
  repository.write({ a2: lines });
  repository.git("add", "a2");
  rmSync(repository.path("a"));
  expect(await gitOf(repository)).toMatchObject({ diff: { insertions: 0, deletions: 0 } });
});

test("G1: a branch that cannot be read is a failure, and no repository before its first commit", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "1\n" });
  writeFileSync(repository.path(".git/refs/heads/main"), "garbage\n");
  await expect(gitOf(repository)).rejects.toMatchObject({ reason: "BRANCH_UNREADABLE" });
});

test("G14, G20: a workspace behind a link is another one when the link is made to lead elsewhere", async () => {
  const [one, two] = [createRepository(), createRepository()];
  one.commit({ "a.txt": "1\n" }, "one");
  two.commit({ "a.txt": "2\n" }, "two");
  const link = join(temporaryDirectory(), "current");
  symlinkSync(one.root, link);
  const { after, collect, end } = await follow(one, link);
  expect(await collect()).toMatchObject({ commit: { message: "one" } });
  const other = await after(() => {
    symlinkSync(two.root, `${link}.new`);
    renameSync(`${link}.new`, link);
  });
  expect(other).toMatchObject({ commit: { message: "two" }, directory: two.root });
  const edited = await after(() => writeFileSync(two.path("a.txt"), "3\n"));
  expect(edited).toMatchObject({ modifiedFiles: 1 });
  end.abort();
});

test("G20: what a linked info/exclude says is followed", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "1\n" });
  const rules = join(temporaryDirectory(), "exclude");
  writeFileSync(rules, "u*\n");
  rmSync(repository.path(".git/info/exclude"), { force: true });
  mkdirSync(repository.path(".git/info"), { recursive: true });
  symlinkSync(rules, repository.path(".git/info/exclude"));
  repository.write({ u1: "", v1: "", v2: "" });
  const { after, collect, end } = await follow(repository);
  expect(await collect()).toMatchObject({ untrackedFiles: 2 });
  expect(await after(() => writeFileSync(rules, "v*\n"))).toMatchObject({ untrackedFiles: 1 });
  end.abort();
});

test("G6, G20: a fetch is noticed from whichever work tree of the repository it is made", async () => {
  const remote = createRepository();
  remote.commit({ "a.txt": "1\n" });
  const main = createRepository({ home: remote.home });
  main.git("remote", "add", "origin", remote.root);
  main.git("fetch", "--quiet");
  main.git("checkout", "--quiet", "-b", "main", "origin/main");
  const first = repositoryAt(join(temporaryDirectory(), "first"), main.home);
  main.git("worktree", "add", "--quiet", first.root);
  const noteOf = (tree: TestRepository) =>
    tree.git("rev-parse", "--path-format=absolute", "--git-path", "FETCH_HEAD").trim();
  for (const served of [main, first]) {
    const { after, collect, end } = await follow(served);
    const second = repositoryAt(join(temporaryDirectory(), "second"), main.home);
    await after(() => main.git("worktree", "add", "--quiet", second.root));
    await collect();
    for (const [index, tree] of [main, first, second].entries()) {
      // Nothing but the note changes. Each is later than those before.
      const { lastFetchTime } = await after(() => {
        tree.git("fetch", "--quiet");
        const seconds = 2_000_000_000 + index;
        utimesSync(noteOf(tree), seconds, seconds);
      });
      expect(Number(lastFetchTime?.seconds)).toBe(2_000_000_000 + index);
    }
    end.abort();
    main.git("worktree", "remove", second.root);
    utimesSync(noteOf(main), 1, 1);
    utimesSync(noteOf(first), 1, 1);
  }
});

test("G20: while something is fetched, and when that fails, the time of the last fetch stays", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "1\n" });
  repository.git("fetch", "--quiet", ".");
  const { after, collect, end } = await follow(repository);
  const { lastFetchTime } = await collect();
  expect(lastFetchTime).toBeDefined();
  const failed = await after(() => expect(() => repository.git("fetch", "--quiet", "./nowhere")).toThrow());
  expect(readFileSync(repository.path(".git/FETCH_HEAD"), "utf8")).toBe("");
  expect(failed).toMatchObject({ lastFetchTime });
  const removed = await after(() => rmSync(repository.path(".git/FETCH_HEAD")));
  expect(removed.lastFetchTime).toBeUndefined();
  end.abort();
});

/** A file of rules that ignore `made`, and one with the configuration that names it, for a repository to include. */
function ignoringConfiguration() {
  const rules = join(temporaryDirectory(), "rules");
  writeFileSync(rules, "made/\n");
  const included = join(temporaryDirectory(), "included");
  writeFileSync(included, `[core]\n\texcludesFile = ${rules}\n`);
  return { rules, included };
}

test("G20: what only the configuration of a branch ignores is followed from when another one is checked out", async () => {
  const { rules, included } = ignoringConfiguration();
  const repository = createRepository();
  repository.git("config", "includeIf.onbranch:main.path", included);
  repository.commit({ "a.txt": "1\n" });
  repository.write({ "made/1": "" });
  const { after, collect, end } = await follow(repository);
  expect(await collect()).toMatchObject({ untrackedFiles: 0 });
  await after(() => repository.git("checkout", "--quiet", "-b", "other"));
  expect(await collect()).toMatchObject({ untrackedFiles: 1 });
  expect(await after(() => repository.write({ "made/2": "" }))).toMatchObject({ untrackedFiles: 2 });
  await after(() => repository.git("checkout", "--quiet", "main"));
  expect(await collect()).toMatchObject({ untrackedFiles: 0 });
  expect(await after(() => writeFileSync(rules, ""))).toMatchObject({ untrackedFiles: 2 });
  end.abort();
});

test("G20: configuration of one branch that is added while another one is checked out is followed, too", async () => {
  const { rules, included } = ignoringConfiguration();
  const repository = createRepository();
  // Names the same file, for another directory.
  repository.git("config", "includeIf.gitdir:/nowhere/.path", included);
  repository.commit({ "a.txt": "1\n" });
  repository.write({ "made/1": "" });
  const { after, collect, end } = await follow(repository);
  expect(await collect()).toMatchObject({ untrackedFiles: 1 });
  await after(() => repository.git("config", "includeIf.onbranch:other.path", included));
  await after(() => repository.git("checkout", "--quiet", "-b", "other"));
  expect(await collect()).toMatchObject({ untrackedFiles: 0 });
  expect(await after(() => writeFileSync(rules, ""))).toMatchObject({ untrackedFiles: 1 });
  end.abort();
});
