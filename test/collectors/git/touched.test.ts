// Looking only at what file events name gives the same answer as looking at everything.

import { mkdirSync, rmSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import { deadline, gitOf, section, statusNotingGit } from "../../helpers/git-source.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";

/** Collects with one collector that is told which paths were touched; notes the arguments of each status. */
function follower(repository: TestRepository) {
  const { git, statuses } = statusNotingGit(repository.home);
  let touched: readonly string[] | undefined;
  const following = {
    begin: () => undefined,
    follow: () => undefined,
    settled: async () => undefined,
    takeTouched: () => touched,
    forgetTouched: () => undefined,
  };
  const collector = createGitCollector({ git, workspace: repository.root, following });
  const collect = async (paths?: readonly string[]) => {
    touched = paths;
    return section(await collector.collect({ signal: deadline() }));
  };
  return { collect, statuses };
}

test("G20: only the files that were touched are looked at", async () => {
  const repository = createRepository();
  repository.commit({ "a/1.txt": "1\n", "a/2.txt": "2\n", "b.txt": "b\n" });
  const { collect, statuses } = follower(repository);
  await collect();
  repository.write({ "a/1.txt": "changed\n", "new.txt": "new\n" });
  expect(await collect(["a/1.txt", "new.txt"])).toMatchObject({ modifiedFiles: 1, untrackedFiles: 1 });
  rmSync(repository.path("a"), { recursive: true });
  expect(await collect(["a"])).toMatchObject({
    modifiedFiles: 2,
    untrackedFiles: 1,
    diff: { insertions: 0, deletions: 2 },
  });
  expect(await collect([])).toMatchObject({ modifiedFiles: 2, untrackedFiles: 1 });
  expect(statuses).toEqual([[], ["a/1.txt", "new.txt"], ["a"], [".git"]]);
});

test("G20: a changed .gitignore, a commit, a stash and a changed configuration are noticed", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "1\n" });
  const { collect, statuses } = follower(repository);
  repository.write({ "new.log": "new\n" });
  expect(await collect()).toMatchObject({ untrackedFiles: 1 });
  repository.write({ ".gitignore": "*.log\n" });
  expect(await collect([".gitignore"])).toMatchObject({ untrackedFiles: 1 });
  repository.commit({});
  expect(await collect([])).toMatchObject({ untrackedFiles: 0 });
  repository.write({ "a.txt": "2\n" });
  repository.git("stash", "--quiet");
  expect(await collect(["a.txt"])).toMatchObject({ stashes: 1, modifiedFiles: 0 });
  repository.git("stash", "drop", "--quiet");
  expect(await collect([])).toMatchObject({ stashes: 0 });
  repository.git("config", "core.excludesFile", "/dev/null");
  repository.git("config", "core.fileMode", "false");
  await collect([]);
  expect(statuses.at(-1)).toEqual([]);
});

test("G20: whatever is written or removed, the answer is that of a look at everything", async () => {
  const repository = createRepository();
  repository.commit({ "a/1": "1\n", "a/b/2": "2\n", c: "3\n", ".gitignore": "ignored\n" });
  const { collect } = follower(repository);
  await collect();
  const path = fc.constantFrom("a", "a/1", "a/b", "a/b/2", "a/ignored", "c", "d/new", "d", "a/-x y");
  const step = fc.record({ path, remove: fc.boolean(), content: fc.constantFrom("1\n", "2\n", "3\n") });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      const touched: string[] = [];
      for (const { path, remove, content } of steps) {
        const full = repository.path(path);
        rmSync(full, { recursive: true, force: true });
        touched.push(path);
        if (remove) continue;
        try {
          mkdirSync(repository.path(path, ".."), { recursive: true });
          repository.write({ [path]: content });
        } catch {
          // Something of that name that is no directory is in the way.
        }
      }
      const known = await collect(touched);
      expect(known).toEqual(await gitOf(repository));
    }),
    { numRuns: 40 },
  );
});
