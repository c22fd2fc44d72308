// The runner: what git may know, how it ends, and that it always ends.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { createGit, createGitCollector } from "../../../src/collectors/git/index.ts";
import { collectIn, deadline, hardenedGit, reasonOf, section } from "../../helpers/git-source.ts";
import { processesIn, until } from "../../helpers/processes.ts";
import { createRepository, type TestRepository, temporaryDirectory } from "../../helpers/repository.ts";

function makeFifo(path: string): void {
  expect(spawnSync("sh", ["-c", 'mkfifo "$0"', path]).status).toBe(0);
}

/** A git that writes its environment into a file before it does what it is told. */
function spyingGit(): { binary: string; environment(): Record<string, string> } {
  const directory = temporaryDirectory();
  const binary = join(directory, "git");
  const dump = join(directory, "environment");
  writeFileSync(binary, `#!/bin/sh\nenv -0 > '${dump}'\nexec git "$@"\n`);
  chmodSync(binary, 0o755);
  const environment = () => {
    const pairs = readFileSync(dump, "utf8").split("\0").filter(Boolean);
    return Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    );
  };
  return { binary, environment };
}

function repositoryWithCommit(): TestRepository {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  return repository;
}

describe("the environment", () => {
  test("G21: it is built from nothing", async () => {
    const { binary, environment } = spyingGit();
    const { root, home } = repositoryWithCommit();
    await hardenedGit(home, binary).run(["rev-parse", "HEAD"], { cwd: root, signal: deadline() });
    const found = environment();
    const names = Object.keys(found).filter((name) => !/^GIT_CONFIG_(?:KEY|VALUE)_\d+$/.test(name));
    expect(names.sort()).toEqual(
      [
        ...["GIT_ALLOW_PROTOCOL", "GIT_ASKPASS", "GIT_CEILING_DIRECTORIES", "GIT_CONFIG_COUNT"],
        ...[
          "GIT_LITERAL_PATHSPECS",
          "GIT_NO_LAZY_FETCH",
          "GIT_NO_REPLACE_OBJECTS",
          "GIT_OPTIONAL_LOCKS",
          "GIT_PAGER",
        ],
        ...["GIT_SSH_COMMAND", "GIT_TERMINAL_PROMPT", "HOME", "LC_ALL", "PATH", "PWD", "SSH_ASKPASS"],
      ].sort(),
    );
    expect(found).toMatchObject({
      GIT_ALLOW_PROTOCOL: "none",
      GIT_NO_LAZY_FETCH: "1",
      GIT_NO_REPLACE_OBJECTS: "1",
      GIT_OPTIONAL_LOCKS: "0",
      GIT_TERMINAL_PROMPT: "0",
      HOME: home,
      LC_ALL: "C",
    });
  });

  test("G27: no secret of the server is in it", async () => {
    for (const name of ["GITHUB_TOKEN", "GH_TOKEN", "CODER_AGENT_TOKEN", "FLEET_METADATA_TOKEN"]) {
      vi.stubEnv(name, "very-secret");
    }
    const { binary, environment } = spyingGit();
    const { root, home } = repositoryWithCommit();
    const git = hardenedGit(home, binary);
    await createGitCollector({ git, workspace: root }).collect({ signal: deadline() });
    expect(JSON.stringify(environment())).not.toContain("very-secret");
  });

  test("G17: stray variables of another repository do not reach git", async () => {
    const other = repositoryWithCommit();
    const repository = createRepository();
    repository.git("checkout", "--quiet", "-b", "mine");
    const sha = repository.commit({ "b.txt": "b\n" }, "mine");
    vi.stubEnv("GIT_DIR", other.path(".git"));
    vi.stubEnv("GIT_WORK_TREE", other.root);
    vi.stubEnv("GIT_INDEX_FILE", other.path(".git", "index"));
    vi.stubEnv("GIT_OBJECT_DIRECTORY", other.path(".git", "objects"));
    // The variables do falsify what git answers otherwise.
    expect(
      spawnSync("git", ["log", "-1", "--format=%s"], { cwd: repository.root }).stdout.toString(),
    ).not.toContain("mine");
    const git = section(await collectIn(repository.root, repository.home));
    expect(git).toMatchObject({ branch: "mine", commit: { sha }, stagedFiles: 0, modifiedFiles: 0 });
  });

  test("a relative entry of PATH is not used: it would name programs of the repository", async () => {
    const { root, home } = repositoryWithCommit();
    writeFileSync(join(root, "git"), "#!/bin/sh\necho hostile\n");
    chmodSync(join(root, "git"), 0o755);
    const git = createGit({ path: `.::${process.env["PATH"]}`, home });
    const { stdout } = await git.run(["rev-parse", "--is-inside-work-tree"], {
      cwd: root,
      signal: deadline(),
    });
    expect(stdout.toString()).toBe("true\n");
  });
});

describe("programs of the workspace", () => {
  /** A workspace with a program named git in `bin`, beside a repository. */
  function workspaceWithGit() {
    const repository = createRepository();
    repository.commit({ "a.txt": "1\n" });
    const bin = repository.path("node_modules/.bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "git"), "#!/bin/sh\necho hostile\n");
    chmodSync(join(bin, "git"), 0o755);
    const version = async (options: Partial<Parameters<typeof createGit>[0]> = {}) => {
      const git = createGit({ path: `${bin}:${process.env["PATH"]}`, home: repository.home, ...options });
      const { stdout } = await git.run(["--version"], { cwd: repository.root, signal: deadline() });
      return stdout.toString();
    };
    return { repository, version };
  }

  test("S24: what lies in the repository is not run, though its directory is on the PATH", async () => {
    const { version } = workspaceWithGit();
    expect(await version()).toMatch(/^git version /);
  });

  test("S24: nor what lies beside it in the workspace", async () => {
    const { repository, version } = workspaceWithGit();
    const other = createRepository();
    mkdirSync(other.path("bin"));
    writeFileSync(other.path("bin/git"), "#!/bin/sh\necho hostile\n");
    chmodSync(other.path("bin/git"), 0o755);
    const path = `${other.path("bin")}:${process.env["PATH"]}`;
    expect(await version({ path })).toBe("hostile\n");
    expect(await version({ path, workspace: other.root })).toMatch(/^git version /);
    expect(repository.root).not.toBe(other.root);
  });

  test("a home directory that is served is the user's own: its programs are run", async () => {
    const { repository, version } = workspaceWithGit();
    expect(await version({ home: repository.root })).toBe("hostile\n");
  });
});

describe("the end", () => {
  /** A repository in which the user's own filter, which is not taken away, hangs and ignores polite signals. */
  function hangingRepository(): { repository: TestRepository; hangs(): boolean } {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n", ".gitattributes": "*.txt filter=slow\n" });
    const program = join(repository.home, "slow");
    const trace = join(repository.home, "started");
    writeFileSync(program, `#!/bin/sh\ntrap '' INT TERM\nsleep 1000 &\n: > '${trace}'\nwait\nsleep 1000\n`);
    chmodSync(program, 0o755);
    repository.git("config", "--global", "filter.slow.clean", program);
    utimesSync(repository.path("a.txt"), new Date(0), new Date(0));
    return { repository, hangs: () => existsSync(trace) };
  }

  test("G18: an abort ends git and everything it started, before the promise settles", async () => {
    const { repository, hangs } = hangingRepository();
    const controller = new AbortController();
    const reason = new Error("enough");
    const collector = createGitCollector({ git: hardenedGit(repository.home), workspace: repository.root });
    const collection = collector.collect({ signal: controller.signal });
    collection.catch(() => {});
    await until(hangs);
    expect(processesIn(repository.root).length).toBeGreaterThan(1);
    controller.abort(reason);
    await expect(collection).rejects.toBe(reason);
    await until(() => processesIn(repository.root).length === 0);
    expect(existsSync(repository.path(".git", "index.lock"))).toBe(false);
  });

  test("G18: what git leaves running when it ends by itself is ended too", async () => {
    const { root, home } = repositoryWithCommit();
    const binary = join(home, "git-with-child");
    writeFileSync(binary, '#!/bin/sh\nsleep 1000 > /dev/null 2>&1 &\nexec git "$@"\n');
    chmodSync(binary, 0o755);
    const { exitCode } = await hardenedGit(home, binary).run(["rev-parse", "HEAD"], {
      cwd: root,
      signal: deadline(),
    });
    expect(exitCode).toBe(0);
    await until(() => processesIn(root).length === 0);
  });

  test("G18: an aborted signal starts nothing", async () => {
    const { root, home } = repositoryWithCommit();
    const reason = new Error("too late");
    const run = hardenedGit(home).run(["rev-parse", "HEAD"], {
      cwd: root,
      signal: AbortSignal.abort(reason),
    });
    await expect(run).rejects.toBe(reason);
  });

  test.each(["include.path", ".gitignore", ".gitattributes"])(
    "G24: a FIFO as %s hangs git until the deadline",
    async (where) => {
      const repository = repositoryWithCommit();
      if (where === "include.path") {
        makeFifo(repository.path(".git", "fifo"));
        writeFileSync(repository.path(".git", "config"), "[include]\n\tpath = fifo\n", { flag: "a" });
      } else {
        repository.write({ "new/file.txt": "new\n" });
        makeFifo(repository.path("new", where));
        makeFifo(repository.path(where));
        utimesSync(repository.path("a.txt"), new Date(0), new Date(0));
      }
      const collector = createGitCollector({ git: hardenedGit(repository.home), workspace: repository.root });
      const collection = collector.collect({ signal: AbortSignal.timeout(500) });
      await expect(collection).rejects.toMatchObject({ name: "TimeoutError" });
      await until(() => processesIn(repository.root).length === 0);
    },
  );
});

describe("the bound", () => {
  test("G19: no more is read than allowed, and the result says so", async () => {
    const repository = createRepository();
    const names = Array.from({ length: 300 }, (_, index) => [`file-with-a-longer-name-${index}`, ""]);
    repository.commit(Object.fromEntries(names));
    const git = hardenedGit(repository.home);
    const result = await git.run(["ls-files", "-z"], {
      cwd: repository.root,
      signal: deadline(),
      maxBytes: 1_000,
    });
    expect(result).toMatchObject({ exitCode: -1, truncated: true });
    expect(result.stdout.length).toBe(1_000);
    const whole = await git.run(["rev-parse", "HEAD"], {
      cwd: repository.root,
      signal: deadline(),
      maxBytes: 41,
    });
    expect(whole).toMatchObject({ exitCode: 0, truncated: false });
  });

  test("G19: counts of a status that was cut off are served with a warning", async () => {
    const repository = repositoryWithCommit();
    repository.write(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`file-${index}`, ""])));
    const real = hardenedGit(repository.home);
    const git: typeof real = {
      run: (args, options) =>
        real.run(args, args[0] === "status" ? { ...options, maxBytes: 1_000 } : options),
    };
    const collected = await createGitCollector({ git, workspace: repository.root }).collect({
      signal: deadline(),
    });
    expect(collected).toMatchObject({ warning: { reason: "TRUNCATED" } });
    expect(section(collected)).toMatchObject({ branch: "main" });
    expect(section(collected).untrackedFiles).toBeGreaterThan(10);
  });
});

describe("what cannot be started", () => {
  test("G1: git is not installed", async () => {
    const { root, home } = repositoryWithCommit();
    const git = createGit({ path: temporaryDirectory(), home });
    const collection = createGitCollector({ git, workspace: root }).collect({ signal: deadline() });
    expect(await reasonOf(collection)).toBe("GIT_NOT_INSTALLED");
  });

  test("G1: the directory has gone", async () => {
    const { root, home } = repositoryWithCommit();
    rmSync(root, { recursive: true });
    const run = hardenedGit(home).run(["status"], { cwd: root, signal: deadline() });
    await expect(run).rejects.toMatchObject({ reason: "REPOSITORY_GONE" });
  });
});
