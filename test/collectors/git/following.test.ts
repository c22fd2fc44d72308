// The collector and the file events together, on a real repository.

import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import type { Problem } from "../../../src/collectors/collector.ts";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import { deadline, gitOf, section, statusNotingGit } from "../../helpers/git-source.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";

const ends: AbortController[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

/** A followed repository whose events are complete, with what git was asked about its status. */
async function followed(repository: TestRepository) {
  const { git, statuses } = statusNotingGit(repository.home);
  const collector = createGitCollector({ git, workspace: repository.root });
  const end = new AbortController();
  ends.push(end);
  const waiting = new Set<() => void>();
  const complete = Promise.withResolvers<"complete" | Problem>();
  collector.watch?.(
    {
      changed: () => {
        for (const wake of waiting) wake();
      },
      coverage: (state) => complete.resolve(state),
    },
    end.signal,
  );
  const collect = async () => section(await collector.collect({ signal: deadline() }));
  await collect();
  expect(await complete.promise).toBe("complete");
  await collect();
  statuses.length = 0;
  /** Does something and waits until an event has told of it. */
  const afterEvent = async (change: () => void) => {
    const heard = Promise.withResolvers<void>();
    waiting.add(heard.resolve);
    change();
    await heard.promise;
    waiting.delete(heard.resolve);
  };
  return { collect, afterEvent, statuses };
}

describe("a followed repository", () => {
  test("G20: git is asked about the file that events name, and about nothing else", async () => {
    const repository = createRepository();
    repository.commit({ "a/1.txt": "1\n", "b.txt": "b\n" });
    const { collect, afterEvent, statuses } = await followed(repository);
    await afterEvent(() => appendFileSync(repository.path("a/1.txt"), "2\n"));
    expect(await collect()).toMatchObject({ modifiedFiles: 1, diff: { insertions: 1, deletions: 0 } });
    expect(statuses).toEqual([["a/1.txt"]]);
  });

  test("G20: a collection that nothing has called for looks at everything", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "1\n" });
    const { collect, statuses } = await followed(repository);
    await collect();
    expect(statuses).toEqual([[]]);
  });

  test("G20: new, moved and removed directories are in the next answer", async () => {
    const repository = createRepository();
    repository.commit({ "a/1.txt": "1\n" });
    const { collect, afterEvent } = await followed(repository);
    await afterEvent(() => {
      mkdirSync(repository.path("x/y/z"), { recursive: true });
      writeFileSync(repository.path("x/y/z/new.txt"), "new\n");
    });
    expect(await collect()).toEqual(await gitOf(repository));
    await afterEvent(() => renameSync(repository.path("x/y"), repository.path("moved")));
    expect(await collect()).toEqual(await gitOf(repository));
    await afterEvent(() => writeFileSync(repository.path("moved/z/second.txt"), "second\n"));
    expect(await collect()).toMatchObject({ untrackedFiles: 2 });
    await afterEvent(() => rmSync(repository.path("a"), { recursive: true }));
    expect(await collect()).toMatchObject({ modifiedFiles: 1, untrackedFiles: 2 });
  });

  test("G20: a commit, a branch and an edit after it are each in the next answer", async () => {
    const repository = createRepository();
    repository.commit({ "a.txt": "1\n" });
    const { collect, afterEvent } = await followed(repository);
    await afterEvent(() => repository.commit({ "a.txt": "2\n" }));
    expect(await collect()).toEqual(await gitOf(repository));
    await afterEvent(() => repository.git("checkout", "--quiet", "-b", "next"));
    expect(await collect()).toMatchObject({ branch: "next" });
    await afterEvent(() => writeFileSync(repository.path("a.txt"), "3\n"));
    expect(await collect()).toMatchObject({ branch: "next", modifiedFiles: 1 });
  });
});
