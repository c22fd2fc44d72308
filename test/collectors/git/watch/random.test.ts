import { appendFileSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  inotifyWatches,
  type Repository,
  smallRepository,
  watched,
} from "../../../helpers/watch-repository.ts";

const NAMES = ["a", "b", "c", "build", "node_modules", "x.o", "é"];

const name = fc.constantFrom(...NAMES);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));

/** What people and programs do in a work tree. Whatever cannot be done at this point does nothing. */
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant("write" as const), path, text: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("mkdir" as const), path }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("move" as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("remove" as const), path }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("ignore" as const),
      path,
      patterns: fc.subarray(["build/", "*.o", "a", "c/*", "!c/a"]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("stage" as const), path, force: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("git" as const),
      args: fc.constantFrom(
        ["add", "-A"],
        ["commit", "-qm", "next"],
        ["checkout", "-qf", "main"],
        ["checkout", "-qf", "-B", "other"],
        ["checkout", "-qf", "--detach"],
        ["checkout", "-qf", "HEAD~1"],
        ["stash", "-qu"],
        ["stash", "pop", "-q"],
        ["reset", "-q", "--hard"],
        ["rm", "-rq", "--cached", "."],
        ["clean", "-qfd"],
        ["pack-refs", "--all"],
        ["branch", "-f", "new/branch"],
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("nest" as const), path }) },
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function perform(repository: Repository, operation: Operation): void {
  switch (operation.op) {
    case "write":
      repository.write(operation.path, `${operation.text}\n`);
      break;
    case "mkdir":
      mkdirSync(repository.path(operation.path), { recursive: true });
      break;
    case "move":
      mkdirSync(dirname(repository.path(operation.to)), { recursive: true });
      renameSync(repository.path(operation.path), repository.path(operation.to));
      break;
    case "remove":
      rmSync(repository.path(operation.path), { recursive: true, force: true });
      break;
    case "ignore":
      appendFileSync(
        join(dirname(repository.path(operation.path)), ".gitignore"),
        operation.patterns.join("\n"),
      );
      break;
    case "stage":
      repository.git("add", ...(operation.force ? ["-f"] : []), operation.path);
      break;
    case "nest":
      repository.git("init", "-q", operation.path);
      break;
    case "git":
      repository.git(...operation.args);
  }
}

function attempt(repository: Repository, operation: Operation): void {
  try {
    perform(repository, operation);
  } catch {
    // It cannot be done now. What it did before it failed counts.
  }
}

function status(repository: Repository): string {
  return repository.git(
    "--no-optional-locks",
    "status",
    "--porcelain=v2",
    "--branch",
    "-uall",
    "--ignore-submodules=all",
  );
}

/** Directories that have to be watched: those that git looks into for tracked and untracked files. */
function lookedInto(repository: Repository): string[] {
  const files = repository
    .git("-c", "core.quotePath=false", "ls-files", "-z", "-co", "--exclude-standard")
    .split("\0");
  const directories = new Set<string>();
  for (const file of files) {
    for (let at = dirname(file); at !== "."; at = dirname(at)) directories.add(at);
  }
  return [...directories].filter((at) => {
    const bytes = Buffer.from(repository.path(""), "utf8");
    const full = Buffer.concat([bytes, Buffer.from(`/${at}`, "latin1")]);
    return existsSync(full) && lstatSync(full).isDirectory();
  });
}

it("G20: whatever is done, in any order, is heard when it changes what status says, and so is each write after it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
      const repository = smallRepository();
      const watch = await watched(repository);
      let before = status(repository);
      for (const each of operations) {
        const heard = watch.heard();
        attempt(repository, each);
        const after = status(repository);
        if (after !== before) await watch.reached(() => watch.heard() > heard);
        before = after;
        // Half of the time the next operation comes while the structural work of this one is going on.
        if (operations.length % 2 === 0) await watch.settled();
      }
      await watch.settled();
      for (const at of lookedInto(repository)) {
        const probe = Buffer.concat([
          Buffer.from(`${repository.root}/`),
          Buffer.from(`${at}/probe`, "latin1"),
        ]);
        const heard = watch.heard();
        const known = status(repository);
        writeFileSync(probe, "probe\n");
        if (status(repository) !== known) await watch.reached(() => watch.heard() > heard);
        rmSync(probe);
        await watch.settled();
      }
      expect(new Set(watch.coverage)).toEqual(new Set(["complete"]));
      watch.end();
      await watch.settled();
      expect(inotifyWatches()).toBe(0);
    }),
    { numRuns: 40, endOnFailure: true },
  );
}, 120_000);
