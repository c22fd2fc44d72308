import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ignoredDirectories } from "../../../../src/collectors/git/watch-ignored.ts";
import {
  gitIn,
  inotifyWatches,
  plainGit,
  type Repository,
  repositoryAt,
  smallRepository,
  type Watched,
  watched,
} from "../../../helpers/watch-repository.ts";

/** Whether a change of this file is heard by itself. */
async function isHeard(watch: Watched, repository: Repository, file: string): Promise<boolean> {
  const text = `${Math.random()}\n`;
  const heard = await watch.heardBefore(
    () => repository.write(file, text),
    () => repository.write("sentinel.txt", text),
  );
  return heard > 0;
}

describe("which directories are ignored", () => {
  it("G20: a directory that only holds what is ignored is not ignored itself", async () => {
    const repository = smallRepository();
    repository.write("package/node_modules/a/index.js");
    repository.write("objects/one.o");
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "package/file.txt")).toBe(true);
    expect(await isHeard(watch, repository, "objects/file.txt")).toBe(true);
    expect(await isHeard(watch, repository, "package/node_modules/a/index.js")).toBe(false);
    expect(ignoredDirectories(["a.o", "b/", "b/c/", "b/c/d.o", "e/", "e f/"])).toEqual(["e", "e f"]);
  });

  it("G20: a new ignored directory is let go of, however it comes to be", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    const before = inotifyWatches();
    await watch.noticed(() => repository.write("src/node_modules/one/index.js"));
    expect(await isHeard(watch, repository, "src/node_modules/one/index.js")).toBe(false);
    await watch.noticed(() => repository.write("fresh/build/out/main.js"));
    expect(await isHeard(watch, repository, "fresh/build/out/main.js")).toBe(false);
    expect(await isHeard(watch, repository, "fresh/main.js")).toBe(true);
    expect(inotifyWatches()).toBe(before + 1);
    await watch.noticed(() => renameSync(repository.path("fresh"), repository.path("build")));
    expect(inotifyWatches()).toBe(before);
  });

  const sources: [string, (repository: Repository) => [file: string, before: string, after: string]][] = [
    [".gitignore", () => [".gitignore", "node_modules/\nbuild/\n*.o\n", "build/\n"]],
    ["a .gitignore below the root", () => ["src/.gitignore", "tmp/\n", "# none\n"]],
    ["info/exclude", () => [".git/info/exclude", "tmp/\n", "# none\n"]],
    ["the user's ignore file", () => ["../home/.config/git/ignore", "tmp/\n", "# none\n"]],
    ["core.excludesFile", () => ["../home/excludes", "tmp/\n", "# none\n"]],
    ["a linked core.excludesFile", () => ["../home/real/excludes", "tmp/\n", "# none\n"]],
    ["the user's config", () => ["../home/.gitconfig", "[core]\nexcludesFile = ~/excludes\n", "[core]\n"]],
    ["a config that is included", () => ["../home/more", "[core]\nexcludesFile = ~/excludes\n", "[core]\n"]],
    [
      "the repository's config",
      (r) => {
        const text = r.git("config", "--list", "--local").includes("core.bare")
          ? "[core]\nbare = false\n"
          : "";
        return [".git/config", `${text}excludesFile = ../home/excludes\n`, text];
      },
    ],
  ];
  it.each(sources)(
    "G20: what %s ignores is watched when it does not any more, and let go of again",
    async (name, at) => {
      const repository = smallRepository();
      const [file, before, after] = at(repository);
      mkdirSync(repository.path("../home/.config/git"), { recursive: true });
      if (file !== "../home/excludes") repository.write("../home/excludes", "tmp/\n");
      if (name === "core.excludesFile") repository.git("config", "core.excludesFile", "~/excludes");
      if (name === "a linked core.excludesFile") {
        mkdirSync(repository.path("../home/real"));
        symlinkSync("real/excludes", repository.path("../home/link"));
        repository.git("config", "core.excludesFile", "~/link");
      }
      if (name === "a config that is included")
        repository.write("../home/.gitconfig", "[include]\npath = more\n");
      repository.write("src/tmp/inner/file.txt");
      repository.write(file, before);
      const probe = file === ".gitignore" ? "node_modules/package/index.js" : "src/tmp/inner/file.txt";
      const watch = await watched(repository);
      expect(await isHeard(watch, repository, probe)).toBe(false);
      await watch.noticed(() => repository.write(file, after));
      expect(await isHeard(watch, repository, probe)).toBe(true);
      await watch.noticed(() => repository.write(file, before));
      expect(await isHeard(watch, repository, probe)).toBe(false);
      await watch.noticed(() => rmSync(repository.path(file)));
      if (file !== ".git/config") expect(await isHeard(watch, repository, probe)).toBe(true);
      await watch.noticed(() => repository.write(file, before));
      expect(await isHeard(watch, repository, probe)).toBe(false);
    },
  );

  it("G20: an ignore file of the user that did not exist is noticed", async () => {
    const repository = smallRepository();
    repository.write("src/tmp/inner/file.txt");
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "src/tmp/inner/file.txt")).toBe(true);
    await watch.noticed(() => mkdirSync(repository.path("../home/.config")));
    await watch.noticed(() => mkdirSync(repository.path("../home/.config/git")));
    await watch.noticed(() => repository.write("../home/.config/git/ignore", "tmp/\n"));
    expect(await isHeard(watch, repository, "src/tmp/inner/file.txt")).toBe(false);
  });

  it("G20: configuration that changes between being read and being watched counts", async () => {
    const repository = smallRepository();
    repository.write("../home/excludes", "tmp/\n");
    repository.write("src/tmp/inner/file.txt");
    const plain = plainGit(repository.home);
    let isChanged = false;
    const watch = await watched(repository, {
      git: {
        run: async (args, options) => {
          const result = await plain.run(args, options);
          if (!isChanged) repository.git("config", "core.excludesFile", "~/excludes");
          isChanged = true;
          return result;
        },
      },
    });
    expect(await isHeard(watch, repository, "src/tmp/inner/file.txt")).toBe(false);
    await watch.noticed(() => repository.write("../home/excludes", "# none\n"));
    expect(await isHeard(watch, repository, "src/tmp/inner/file.txt")).toBe(true);
  });

  it("G20: a tracked file in an ignored directory is watched, and nothing else there", async () => {
    const repository = smallRepository();
    repository.write("build/kept/file.txt");
    repository.write("build/other/file.txt");
    repository.git("add", "-f", "build/kept/file.txt");
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "build/kept/file.txt")).toBe(true);
    expect(await isHeard(watch, repository, "build/other/file.txt")).toBe(false);
  });

  it.each([3, 150])(
    "G20: a file that becomes tracked in one of %i ignored directories is watched from then on",
    async (count) => {
      const repository = smallRepository();
      for (let index = 0; index < count; index += 1) repository.write(`d${index}/build/deep/file.txt`);
      const watch = await watched(repository);
      expect(await isHeard(watch, repository, "d1/build/deep/file.txt")).toBe(false);
      await watch.noticed(() => repository.git("add", "-f", "d1/build/deep/file.txt"));
      expect(await isHeard(watch, repository, "d1/build/deep/file.txt")).toBe(true);
      expect(await isHeard(watch, repository, "d2/build/deep/file.txt")).toBe(false);
    },
  );

  it("G20: names that look like patterns are taken as they are", async () => {
    const repository = smallRepository();
    const watch = await watched(repository);
    for (const name of ["-x", ":(top)y", "*", "a\nb", "[c]", "é"]) {
      await watch.noticed(() => repository.write(`${name}/build/file.txt`));
      expect(await isHeard(watch, repository, `${name}/build/file.txt`)).toBe(false);
      expect(await isHeard(watch, repository, `${name}/file.txt`)).toBe(true);
    }
  });
});

describe("repositories in the work tree", () => {
  it("G14: what lies in a nested repository is not watched, until it is a repository no more", async () => {
    const repository = smallRepository();
    const nested = repositoryAt(repository.path("nested"), repository.home);
    nested.write("src/file.txt");
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "nested/src/file.txt")).toBe(false);
    expect(await isHeard(watch, repository, "nested/file.txt")).toBe(false);
    await watch.noticed(() => rmSync(nested.path(".git"), { recursive: true }));
    expect(await isHeard(watch, repository, "nested/src/file.txt")).toBe(true);
    await watch.noticed(() => nested.git("init", "-q"));
    expect(await isHeard(watch, repository, "nested/src/file.txt")).toBe(false);
  });

  it("G14: a nested repository that is made step by step is noticed at each step", async () => {
    const repository = smallRepository();
    repository.write("nested/src/file.txt");
    repository.git("init", "-q", "--bare", "../made");
    const watch = await watched(repository);
    await watch.noticed(() => mkdirSync(repository.path("nested/.git")));
    expect(await isHeard(watch, repository, "nested/src/file.txt")).toBe(true);
    for (const name of ["objects", "refs", "HEAD"]) {
      await watch.noticed(() =>
        renameSync(repository.path(`../made/${name}`), repository.path(`nested/.git/${name}`)),
      );
    }
    expect(await isHeard(watch, repository, "nested/src/file.txt")).toBe(false);
  });

  it("G14, G24: a pipe in the place of a .git file, or a file that names nothing, makes no repository", async () => {
    const repository = smallRepository();
    repository.write("pipe/file.txt");
    repository.write("wrong/file.txt");
    repository.write("wrong/.git", "gitdir: nowhere\n");
    execFileSync("mkfifo", [repository.path("pipe/.git")]);
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "pipe/file.txt")).toBe(true);
    expect(await isHeard(watch, repository, "wrong/file.txt")).toBe(true);
  });

  it("G14: files that the outer repository tracks are watched in a nested one, too", async () => {
    const repository = smallRepository();
    repository.git("init", "-q", "src");
    repository.write("src/more/file.txt");
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "src/deep/file.txt")).toBe(true);
    expect(await isHeard(watch, repository, "src/more/file.txt")).toBe(false);
  });

  it("G6, G14: neither a submodule nor a linked worktree inside is watched", async () => {
    const repository = smallRepository();
    const library = repositoryAt(`${repository.root}-library`, repository.home);
    library.write("file.txt");
    library.git("add", ".");
    library.git("commit", "-qm", "library");
    repository.git(
      "-c",
      "protocol.file.allow=always",
      "submodule",
      "--quiet",
      "add",
      library.root,
      "library",
    );
    repository.git("worktree", "add", "-q", "-b", "linked", "trees/linked");
    const watch = await watched(repository);
    expect(await isHeard(watch, repository, "library/file.txt")).toBe(false);
    expect(await isHeard(watch, repository, "trees/linked/src/deep/file.txt")).toBe(false);
    const git = gitIn(repository.path("trees/linked"), repository.home);
    await watch.noticed(() => git("branch", "from-linked"));
  });
});

describe("repositories in the workspace", () => {
  const around = (): Repository => {
    const repository = smallRepository();
    const workspace = join(repository.root, "..", "workspace");
    mkdirSync(join(workspace, "one", "two", "three"), { recursive: true });
    return { ...repository, root: workspace };
  };
  const make = (repository: Repository, relative: string) =>
    repositoryAt(join(repository.root, relative), repository.home);

  it.each(["", "one", "one/two", "new", "new/two"])(
    "G14: a repository that appears at workspace/%s is noticed to its end",
    async (at) => {
      const workspace = around();
      const watch = await watched(workspace, { locations: [] });
      const gitDir = join(workspace.root, at, ".git");
      await watch.noticed(() => mkdirSync(gitDir, { recursive: true }));
      await watch.noticed(() => mkdirSync(join(gitDir, "refs")));
      await watch.noticed(() => writeFileSync(join(gitDir, "HEAD"), "ref: refs/heads/main\n"));
      await watch.noticed(() => rmSync(gitDir, { recursive: true }));
    },
  );

  it("G14: a repository that appears above the workspace is noticed", async () => {
    const workspace = around();
    const watch = await watched({ ...workspace, root: join(workspace.root, "one") }, { locations: [] });
    await watch.noticed(() => make(workspace, ""));
  });

  it("G14: three levels deep nothing is watched, nor below a repository that is not followed", async () => {
    const workspace = around();
    const watch = await watched(workspace, { locations: [] });
    const heard = await watch.heardBefore(
      () => make(workspace, "one/two/three"),
      () => make(workspace, "one"),
    );
    expect(heard).toBe(0);
  });

  it("G14: a workspace that is removed and made again is noticed", async () => {
    const workspace = around();
    const watch = await watched(workspace, { locations: [] });
    await watch.noticed(() => rmSync(workspace.root, { recursive: true }));
    await watch.noticed(() => make(workspace, "one"));
  });

  it("G14: other repositories are followed on demand, whole or by their heads", async () => {
    const workspace = around();
    const one = make(workspace, "one");
    const other = make(workspace, "other");
    const watch = await watched(workspace, { locations: [one.location] });
    expect(await isHeard(watch, one, "file.txt")).toBe(true);
    watch.watch.follow([other.location], [one.location]);
    await watch.settled();
    expect(await isHeard(watch, other, "file.txt")).toBe(true);
    const heard = await watch.heardBefore(
      () => one.write("file.txt", "changed\n"),
      () => one.git("commit", "-q", "--allow-empty", "-m", "one"),
    );
    expect(heard).toBe(0);
    await watch.noticed(() => rmSync(one.root, { recursive: true }));
    expect(
      await watch.heardBefore(
        () => watch.watch.follow([other.location], [one.location]),
        () => other.write("x"),
      ),
    ).toBe(0);
  });
});
