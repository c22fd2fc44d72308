// With a large index, only the files that something can have become of are looked at; the answer is that of a look at everything.

import { chmodSync, type Dirent, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import { deadline, gitOf, hardenedGit, section } from "../../helpers/git-source.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";

type Step = (repository: TestRepository) => void;

/** Whatever the index of a repository of a few files counts as. */
const LARGE = { largeIndexBytes: 0 };

const PATHS = ["a", "d/b", "d/c", "d/e/f", "g", "new", "d/new", "x.log"];

const path = fc.constantFrom(...PATHS);
const content = fc.constantFrom("1\n", "2\n", "1\n2\n3\n4\n5\n6\n", "", "\0binary");

/** Commands may fail, such as a merge with conflicts. */
function git(...args: string[]): Step {
  return (repository) => {
    try {
      repository.git(...args);
    } catch {
      // A person who types this here would read about it.
    }
  };
}

function inPlace(change: (full: string, repository: TestRepository) => void, name: string): Step {
  return (repository) => {
    try {
      change(repository.path(name), repository);
    } catch {
      // Something else is at this path, or above it.
    }
  };
}

const edits: fc.Arbitrary<Step>[] = [
  fc
    .tuple(path, content)
    .map(([name, text]) => inPlace((_, repository) => repository.write({ [name]: text }), name)),
  path.map((name) => inPlace((full) => rmSync(full, { recursive: true }), name)),
  fc.constantFrom("d", "d/e").map((name) => inPlace((full) => rmSync(full, { recursive: true }), name)),
  path.map((name) => inPlace((full) => chmodSync(full, 0o755), name)),
  path.map((name) =>
    inPlace((full) => {
      rmSync(full, { recursive: true, force: true });
      symlinkSync("g", full);
    }, name),
  ),
  fc.constantFrom("a", "d/b", "g").map((name) =>
    inPlace((full, repository) => {
      rmSync(full, { recursive: true, force: true });
      mkdirSync(full);
      repository.write({ [`${name}/inside`]: "1\n" });
    }, name),
  ),
];

const commands: fc.Arbitrary<Step>[] = [
  ...[
    ["add", "--all"],
    ["commit", "--quiet", "-m", "some"],
    ["commit", "--quiet", "--all", "-m", "all"],
    ["commit", "--quiet", "--amend", "--allow-empty", "-m", "amended"],
    ["reset", "--quiet"],
    ["reset", "--quiet", "--hard"],
    ["reset", "--quiet", "--soft", "HEAD~1"],
    ["reset", "--quiet", "HEAD~1"],
    ["reset", "--quiet", "--hard", "HEAD~1"],
    ["checkout", "--quiet", "main"],
    ["checkout", "--quiet", "other"],
    ["checkout", "--quiet", "--force", "other"],
    ["checkout", "--quiet", "--detach"],
    ["checkout", "--quiet", "."],
    ["checkout", "--quiet", "-B", "third"],
    ["merge", "--quiet", "main"],
    ["merge", "--quiet", "other"],
    ["merge", "--abort"],
    ["cherry-pick", "other"],
    ["rebase", "other"],
    ["rebase", "--abort"],
    ["stash", "--quiet"],
    ["stash", "--quiet", "--include-untracked"],
    ["stash", "pop", "--quiet"],
    ["stash", "drop", "--quiet"],
    ["status"],
    ["update-index", "--refresh"],
    ["read-tree", "HEAD"],
    ["read-tree", "HEAD~1"],
    ["read-tree", "--empty"],
    ["symbolic-ref", "HEAD", "refs/heads/other"],
    ["update-ref", "refs/heads/main", "other"],
    ["pack-refs", "--all"],
    ["clean", "-d", "--force", "--quiet"],
  ].map((args) => fc.constant(git(...args))),
  ...[
    ["add", "--"],
    ["rm", "-r", "--quiet", "--force", "--"],
    ["rm", "--quiet", "--cached", "--"],
    ["reset", "--quiet", "--"],
    ["checkout", "--quiet", "--"],
    ["checkout", "--quiet", "other", "--"],
    ["update-index", "--force-remove"],
    ["update-index", "--chmod=+x"],
  ].map((args) => path.map((name) => git(...args, name))),
  fc.tuple(path, path).map(([from, to]) => git("mv", from, to)),
];

/** What makes all files be looked at, some of it for the rest of a sequence. */
const unusual: fc.Arbitrary<Step>[] = [
  fc.constantFrom("*.log\n", "new\n", "\n").map(
    (text): Step =>
      (repository) =>
        repository.write({ ".gitignore": text }),
  ),
  fc.constantFrom("* text eol=crlf\n", "\n").map(
    (text): Step =>
      (repository) =>
        repository.write({ ".gitattributes": text }),
  ),
  ...[
    ["update-index", "--index-version", "4"],
    ["update-index", "--index-version", "2"],
    ["update-index", "--split-index"],
    ["update-index", "--no-split-index"],
    ["sparse-checkout", "set", "d"],
    ["sparse-checkout", "disable"],
    ["config", "core.fileMode", "false"],
    ["config", "core.fileMode", "true"],
    ["config", "status.renames", "false"],
  ].map((args) => fc.constant(git(...args))),
  ...[
    ["add", "--intent-to-add", "--"],
    ["update-index", "--assume-unchanged"],
    ["update-index", "--no-assume-unchanged"],
    ["update-index", "--skip-worktree"],
    ["update-index", "--no-skip-worktree"],
  ].map((args) => path.map((name) => git(...args, name))),
];

const common: fc.Arbitrary<Step> = fc.constantFrom(
  git("add", "--all"),
  git("commit", "--quiet", "--all", "-m", "x"),
  git("reset", "--quiet", "HEAD~1"),
  git("checkout", "--quiet", "other"),
);

const steps = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: fc.oneof(...edits) },
    { weight: 10, arbitrary: common },
    { weight: 10, arbitrary: fc.oneof(...commands) },
    { weight: 1, arbitrary: fc.oneof(...unusual) },
  ),
  { minLength: 1, maxLength: 3 },
);

function prepared(): TestRepository {
  const repository = createRepository();
  repository.commit({ a: "1\n", "d/b": "2\n", "d/c": "3\n", "d/e/f": "1\n2\n3\n4\n5\n", g: "7\n" });
  repository.git("checkout", "--quiet", "-b", "other");
  repository.commit({ a: "other\n", "d/new": "other\n" });
  repository.git("checkout", "--quiet", "main");
  repository.commit({ a: "main\n", g: "8\n" });
  return repository;
}

/** Everything in the work tree, by path, with what tells two states of it apart. */
function workTreeFiles({ root }: TestRepository): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) note(entry);
  return found;

  function note(entry: Dirent): void {
    const full = join(entry.parentPath, entry.name);
    const name = relative(root, full);
    if (name === ".git" || name.startsWith(".git/")) return;
    const { ino, size, mode, mtimeNs, ctimeNs } = lstatSync(full, { bigint: true });
    found.set(
      name,
      entry.isDirectory() ? `directory ${ino}` : `${ino} ${size} ${mode} ${mtimeNs} ${ctimeNs}`,
    );
  }
}

/** What events would tell of. */
function touchedBetween(before: Map<string, string>, after: Map<string, string>): string[] {
  const all = new Set([...before.keys(), ...after.keys()]);
  return [...all].filter((name) => before.get(name) !== after.get(name));
}

/** Tells by which kind of question a status came about. */
function counted(repository: TestRepository) {
  const real = hardenedGit(repository.home);
  const counts = { whole: 0, few: 0, quick: 0 };
  const run: typeof real = {
    run(args, options) {
      if (args[0] === "ls-files" && args.includes("--modified")) counts.quick += 1;
      if (args[0] === "status") counts[args.at(-1) === "--" ? "whole" : "few"] += 1;
      return real.run(args, options);
    },
  };
  return { git: run, counts };
}

/** Collects with one collector that is told what events would tell of. */
function follower(repository: TestRepository) {
  const { git, counts } = counted(repository);
  let touched: string[] | undefined;
  const following = {
    begin: () => undefined,
    follow: () => undefined,
    settled: async () => undefined,
    takeTouched: () => touched,
    forgetTouched: () => undefined,
  };
  const collector = createGitCollector({ git, workspace: repository.root, following, ...LARGE });
  const collect = async () => section(await collector.collect({ signal: deadline() }));
  const collectAfter = async (...steps: readonly Step[]) => {
    const files = workTreeFiles(repository);
    const kept = gitFiles(repository);
    for (const step of steps) step(repository);
    touched = touchedBetween(files, workTreeFiles(repository));
    if (gitFiles(repository) !== kept) touched.push(".git");
    return await collect();
  };
  return { collect, collectAfter, counts };
}

test("G15, G20: after whatever edits and commands, the answer is that of a look at everything", async () => {
  const sum = { whole: 0, few: 0, quick: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 4, maxLength: 10 }), async (rounds) => {
      const repository = prepared();
      const { collect, collectAfter, counts } = follower(repository);
      await collect();
      for (const round of rounds) expect(await collectAfter(...round)).toEqual(await gitOf(repository));
      for (const key of ["whole", "few", "quick"] as const) sum[key] += counts[key];
    }),
    { numRuns: 12 },
  );
  expect(sum.few).toBeGreaterThan(0);
  expect(sum.quick).toBeGreaterThan(0);
});

test("G20: after an edit, add, commit and checkout, not all files are looked at", async () => {
  const repository = prepared();
  const { collect, collectAfter, counts } = follower(repository);
  await collect();
  const edit: Step = ({ write }) => write({ "d/b": "edited\n" });
  expect(await collectAfter(edit)).toMatchObject({ modifiedFiles: 1, diff: { insertions: 1, deletions: 1 } });
  expect(counts).toEqual({ whole: 1, few: 0, quick: 1 });
  expect(await collectAfter(git("add", "d/b"))).toMatchObject({ modifiedFiles: 0, stagedFiles: 1 });
  expect(await collectAfter(git("commit", "--quiet", "-m", "edited"))).toMatchObject({ stagedFiles: 0 });
  expect(await collectAfter(git("checkout", "--quiet", "other"))).toEqual(await gitOf(repository));
  expect(counts).toEqual({ whole: 1, few: 3, quick: 1 });
});

test("G20: what a file of ignore rules or attributes decides is seen when it goes with a commit", async () => {
  const repository = prepared();
  repository.commit({ ".gitignore": "*.log\n", "x.log": "1\n" });
  const { collect, collectAfter, counts } = follower(repository);
  expect(await collect()).toMatchObject({ untrackedFiles: 0 });
  const known = await collectAfter(git("rm", "--quiet", ".gitignore"), git("commit", "--quiet", "-m", "x"));
  expect(known).toMatchObject({ untrackedFiles: 1 });
  expect(counts).toEqual({ whole: 2, few: 0, quick: 0 });
});

test("G20: files seen through a link that has replaced their directory are gone", async () => {
  const repository = prepared();
  repository.commit({ "copy/b": "2\n", "copy/c": "3\n", "copy/e/f": "1\n2\n3\n4\n5\n" });
  const { collect, collectAfter } = follower(repository);
  await collect();
  const replaced = await collectAfter(
    inPlace((full) => {
      rmSync(full, { recursive: true });
      symlinkSync("copy", full);
    }, "d"),
  );
  expect(replaced).toMatchObject({ modifiedFiles: 3, untrackedFiles: 1 });
});

test("G10, G20: an edit of a staged file is measured against the commit", async () => {
  const repository = prepared();
  repository.write({ "d/b": "edited\n" });
  repository.git("add", "d/b");
  const { collect, collectAfter, counts } = follower(repository);
  expect(await collect()).toMatchObject({ diff: { insertions: 1, deletions: 1 } });
  const known = await collectAfter(({ write }) => write({ "d/b": "2\n" }));
  expect(known).toMatchObject({ stagedFiles: 1, modifiedFiles: 1, diff: { insertions: 0, deletions: 0 } });
  expect(counts).toEqual({ whole: 1, few: 0, quick: 1 });
});

describe("G9, G20: an index that hides something is looked at as a whole", () => {
  const hiding: readonly (readonly string[])[] = [
    ["update-index", "--assume-unchanged", "d/b"],
    ["update-index", "--skip-worktree", "d/b"],
    ["update-index", "--index-version", "4"],
    ["update-index", "--split-index"],
    ["rm", "--quiet", "--cached", "d/b"],
  ];

  test.each(hiding)("G9, G20: git %s %s", async (...args) => {
    const repository = prepared();
    repository.write({ "d/b": "edited\n", "d/c": "edited\n" });
    const { collect, collectAfter, counts } = follower(repository);
    await collect();
    await collectAfter(git(...args));
    // Together with a commit, which alone would explain that the index was written.
    const undo = ["--no-assume-unchanged", "--no-skip-worktree"].map((flag) =>
      git("update-index", flag, "d/b"),
    );
    const known = await collectAfter(...undo, git("commit", "--quiet", "-m", "x", "--", "d/c"));
    expect(known).toEqual(await gitOf(repository));
    expect(counts.whole).toBe(args[0] === "rm" ? 1 : 3);
  });
});

test("G15, G20: a collection whose repository is written meanwhile is not made of two states", async () => {
  const repository = prepared();
  const { git: real } = counted(repository);
  let interrupt: (() => void) | undefined;
  const interrupted: typeof real = {
    async run(args, options) {
      const result = await real.run(args, options);
      if (args[0] === "diff-tree") {
        interrupt?.();
        interrupt = undefined;
      }
      return result;
    },
  };
  const following = {
    begin: () => undefined,
    follow: () => undefined,
    settled: async () => undefined,
    takeTouched: () => [".git"],
    forgetTouched: () => undefined,
  };
  const collector = createGitCollector({ git: interrupted, workspace: repository.root, following, ...LARGE });
  const collect = async () => section(await collector.collect({ signal: deadline() }));
  await collect();
  repository.git("commit", "--quiet", "--allow-empty", "-m", "x");
  interrupt = () => repository.git("checkout", "--quiet", "other");
  expect(await collect()).toEqual(await gitOf(repository));
  expect(interrupt).toBeUndefined();
});

test("G20: with events, too, the answer is that of a look at everything", async () => {
  const repository = prepared();
  const { git: counting, counts } = counted(repository);
  const collector = createGitCollector({ git: counting, workspace: repository.root, ...LARGE });
  const complete = Promise.withResolvers<unknown>();
  const end = new AbortController();
  onTestFinished(() => end.abort());
  collector.watch?.({ changed: () => undefined, coverage: complete.resolve }, end.signal);
  const collect = async () => section(await collector.collect({ signal: deadline() }));
  await collect();
  expect(await complete.promise).toBe("complete");
  await collect();
  await fc.assert(
    fc.asyncProperty(steps, async (round) => {
      for (const step of round) step(repository);
      // Events are delivered by the system within milliseconds.
      await delay(30);
      expect(await collect()).toEqual(await gitOf(repository));
    }),
    { numRuns: 40, endOnFailure: true },
  );
  expect(counts.few + counts.quick).toBeGreaterThan(0);
});

/** Everything that git keeps but objects. */
function gitFiles(repository: TestRepository): string {
  const told: string[] = [];
  for (const entry of readdirSync(repository.path(".git"), { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || entry.parentPath.includes(".git/objects")) continue;
    const full = join(entry.parentPath, entry.name);
    const { ino, mtimeNs } = lstatSync(full, { bigint: true });
    told.push(`${full} ${ino} ${mtimeNs}`);
  }
  return told.sort().join("\n");
}
