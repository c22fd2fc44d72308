// A configuration is taken from memory only while it is the one that git would read.

import { statSync, utimesSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import { createCanary } from "../../helpers/canary.ts";
import { deadline, gitOf, hardenedGit, section } from "../../helpers/git-source.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";

/** A collector that has had the time to remember; `listings` tells how often git listed the configuration since. */
async function warmedUp(repository: TestRepository) {
  const real = hardenedGit(repository.home);
  let listings = 0;
  const git: typeof real = {
    run(args, options) {
      if (args[0] === "config" && args.includes("--list")) listings += 1;
      return real.run(args, options);
    },
  };
  const collector = createGitCollector({ git, workspace: repository.root });
  const collect = async () => section(await collector.collect({ signal: deadline() }));
  for (let times = 0; times < 3; times += 1) await collect();
  listings = 0;
  return { collect, listings: () => listings };
}

function prepared(): TestRepository {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" });
  repository.write({ ".git/info/attributes": "* filter=evil\n" });
  utimesSync(repository.path("a.txt"), new Date(0), new Date(1_000_000_000_000));
  return repository;
}

test("G20: git is not asked again for a configuration that has not changed", async () => {
  const repository = prepared();
  repository.git("config", "include.path", "absent");
  const { collect, listings } = await warmedUp(repository);
  for (let times = 0; times < 3; times += 1) expect(await collect()).toEqual(await gitOf(repository));
  expect(listings()).toBe(0);
});

test("G20: a configuration that depends on the branch is asked for each time", async () => {
  const repository = prepared();
  repository.git("config", "includeIf.onbranch:other.path", "more");
  const { collect, listings } = await warmedUp(repository);
  await collect();
  expect(listings()).toBeGreaterThan(0);
});

test("G20: a change that leaves size and time of the file as they were is noticed", async () => {
  const repository = prepared();
  repository.git("remote", "add", "origin", "https://example.com/one.git");
  const { collect } = await warmedUp(repository);
  const config = repository.path(".git", "config");
  const { atime, mtime, size } = statSync(config);
  repository.git("remote", "set-url", "origin", "https://example.com/two.git");
  utimesSync(config, atime, mtime);
  expect(statSync(config)).toMatchObject({ mtime, size });
  expect((await collect()).remote?.url).toBe("https://example.com/two.git");
});

describe("G23: a filter that comes into a remembered configuration", () => {
  const places = [
    { name: "in the repository's own file", file: ".git/config", settings: [] },
    { name: "in an included file that did not exist", file: ".git/more", settings: ["include.path", "more"] },
    {
      name: "in a file included on a condition",
      file: ".git/more",
      settings: ["includeIf.gitdir:**.path", "more"],
    },
    {
      name: "in the work tree's own file",
      file: ".git/config.worktree",
      settings: ["extensions.worktreeConfig", "true"],
    },
  ];

  test.each(places)("G23, G26: $name does not run", async ({ file, settings }) => {
    const repository = prepared();
    if (settings.length > 0) repository.git("config", ...settings);
    const { collect, listings } = await warmedUp(repository);
    await collect();
    expect(listings()).toBe(0);
    const canary = createCanary();
    repository.git("config", "--file", file, "filter.evil.clean", canary.program);
    await collect();
    expect(canary.fired()).toBe(false);
    expect(listings()).toBeGreaterThan(0);
    repository.git("status");
    expect(canary.fired()).toBe(true);
  });
});
