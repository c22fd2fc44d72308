import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  inotifyWatches,
  plainGit,
  repositoryAt,
  smallRepository,
  watched,
} from "../../../helpers/watch-repository.ts";

describe("changes in the work tree", () => {
  const changes: [string, (repository: ReturnType<typeof smallRepository>) => unknown][] = [
    ["a changed file", (r) => r.write("src/deep/file.txt", "other\n")],
    ["a new untracked file", (r) => r.write("src/new.txt")],
    ["a new file in an untracked directory", (r) => r.write("untracked/two.txt")],
    ["a removed file", (r) => rmSync(r.path("docs/page.txt"))],
    ["a renamed file", (r) => renameSync(r.path("docs/page.txt"), r.path("docs/other.txt"))],
    ["a changed mode", (r) => chmodSync(r.path("docs/page.txt"), 0o755)],
    ["a removed directory", (r) => rmSync(r.path("src"), { recursive: true })],
    ["a renamed directory", (r) => renameSync(r.path("src"), r.path("lib"))],
    [
      "a file replaced by a symbolic link",
      (r) => {
        rmSync(r.path("docs/page.txt"));
        symlinkSync("/nowhere", r.path("docs/page.txt"));
      },
    ],
    ["a touched file", (r) => utimesSync(r.path("docs/page.txt"), 1, 1)],
  ];
  it.each(changes)("G20: %s is noticed", async (_, change) => {
    const repository = smallRepository();
    repository.write("untracked/one.txt");
    const watch = await watched(repository);
    await watch.noticed(() => change(repository));
  });

  it("G20: a new directory and a file inside it, made at once, are noticed, and so is each later change there", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    await watch.noticed(() => repository.write("new/a/b/c/file.txt"));
    await watch.noticed(() => repository.write("new/a/b/c/file.txt", "changed\n"));
    await watch.noticed(() => repository.write("new/a/other.txt"));
  });

  it("G20: a renamed directory is watched where it is now, with all below it", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    const before = inotifyWatches();
    await watch.noticed(() => renameSync(repository.path("src"), repository.path("lib")));
    await watch.noticed(() => repository.write("lib/deep/file.txt", "changed\n"));
    await watch.noticed(() => repository.write("lib/deep/new/file.txt"));
    await watch.noticed(() => repository.write("lib/deep/new/file.txt", "changed\n"));
    expect(inotifyWatches()).toBe(before + 1);
  });

  it("G20: a tree that is moved in is watched, and one that is moved out is not any more", async () => {
    const repository = smallRepository();
    const elsewhere = repositoryAt(`${repository.root}-elsewhere`, repository.home);
    elsewhere.write("tree/a/b/file.txt");
    const watch = await watched(repository);
    const before = inotifyWatches();
    await watch.noticed(() => renameSync(elsewhere.path("tree"), repository.path("tree")));
    expect(inotifyWatches()).toBe(before + 3);
    await watch.noticed(() => repository.write("tree/a/b/file.txt", "changed\n"));
    await watch.noticed(() => renameSync(repository.path("tree"), elsewhere.path("tree")));
    expect(inotifyWatches()).toBe(before);
    const heard = await watch.heardBefore(
      () => elsewhere.write("tree/a/b/file.txt", "again\n"),
      () => repository.write("sentinel.txt"),
    );
    expect(heard).toBe(0);
  });

  it("G20: a directory that is removed and made again under its name is watched", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    await watch.noticed(() => {
      rmSync(repository.path("src"), { recursive: true });
      repository.write("src/deep/file.txt", "new\n");
    });
    await watch.noticed(() => repository.write("src/deep/file.txt", "changed\n"));
  });

  it("G20: many directories made and renamed at once are all watched", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    await watch.noticed(() => {
      for (let index = 0; index < 60; index += 1) repository.write(`many/d${index}/file.txt`);
      for (let index = 0; index < 30; index += 1) {
        renameSync(repository.path(`many/d${index}`), repository.path(`many/e${index}`));
        repository.write(`docs/new${index}.txt`);
      }
      repository.write("docs/late/file.txt");
    });
    for (const path of ["many/e0", "many/e29", "many/d30", "many/d59", "docs/late", "src/deep"]) {
      await watch.noticed(() => repository.write(`${path}/file.txt`, "changed\n"));
    }
  });

  it("G20: in a burst of new directories, git is run for many of them at once, and none is missed", async () => {
    const repository = smallRepository();
    const git = plainGit(repository.home);
    const watch = await watched(repository, { git });
    const before = git.calls.length;
    for (let index = 0; index < 200; index += 1) {
      const heard = watch.heard();
      repository.write(`burst/d${index}/file.txt`);
      await watch.reached(() => watch.heard() > heard);
      await setImmediate();
    }
    await watch.settled();
    expect(git.calls.length - before).toBeLessThan(100);
    for (const index of [0, 100, 199]) {
      await watch.noticed(() => repository.write(`burst/d${index}/file.txt`, "changed\n"));
    }
  });

  it("G20: a directory whose name is not UTF-8 is watched", async () => {
    const repository = smallRepository();
    mkdirSync(Buffer.from(`${repository.root}/caf\xe9`, "latin1"));
    const watch = await watched(repository);
    await watch.noticed(() => mkdirSync(Buffer.from(`${repository.root}/caf\xe9/inner \xe8`, "latin1")));
    await watch.noticed(() => mkdirSync(Buffer.from(`${repository.root}/caf\xe9/inner \xe8/x`, "latin1")));
  });

  it("G20: a symbolic link to a directory is not followed", async () => {
    const repository = smallRepository();
    const elsewhere = repositoryAt(`${repository.root}-elsewhere`, repository.home);
    elsewhere.write("tree/file.txt");
    symlinkSync(elsewhere.path("tree"), repository.path("link"));
    const watch = await watched(repository);
    const heard = await watch.heardBefore(
      () => elsewhere.write("tree/file.txt", "changed\n"),
      () => repository.write("sentinel.txt"),
    );
    expect(heard).toBe(0);
  });

  it("G20: when the work tree is removed and made again, that is noticed and it is watched again", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    await watch.noticed(() => renameSync(repository.root, `${repository.root}-away`));
    await watch.noticed(() => {
      const again = repositoryAt(repository.root, repository.home);
      again.write("src/file.txt");
    });
    await watch.reached(() => watch.coverage.at(-1) === "complete");
    await watch.noticed(() => repository.write("src/file.txt", "changed\n"));
    await watch.noticed(() => repository.git("add", "."));
  });

  it("G20: when a directory above the work tree is moved, that is noticed", async () => {
    const repository = smallRepository();
    const inner = repositoryAt(repository.path("a/b/c"), repository.home);
    const watch = await watched(inner);
    await watch.noticed(() => renameSync(repository.path("a"), repository.path("z")));
  });
});
