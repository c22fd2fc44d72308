// Part C of the guarantees: programs that a repository names must not run. Each way is tried twice: with git as it comes, where
// the program must run (or the test proves nothing), and by this source, where it must not.

import { spawnSync } from "node:child_process";
import { rmSync, utimesSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import type { Collected } from "../../../src/collectors/collector.ts";
import { createGitCollector } from "../../../src/collectors/git/index.ts";
import { type Canary, createCanary } from "../../helpers/canary.ts";
import { collectIn, deadline, hardenedGit } from "../../helpers/git-source.ts";
import {
  createRepository,
  type TestRepository,
  temporaryDirectory,
  userEnvironment,
} from "../../helpers/repository.ts";

interface Attack {
  readonly name: string;
  /** Arguments with which git as it comes runs the program. */
  readonly plain: readonly string[];
  /** Makes the repository hostile. It holds one commit of `a.txt` and `b.bin`; both look changed to git. */
  prepare(repository: TestRepository, canary: Canary): void;
  /** Whether the configuration that each call gets stops it even with the plain arguments. Default: it does. */
  readonly needsArguments?: boolean;
}

/** A file whose time differs from what the index has: git compares its content. */
function touch(repository: TestRepository, name = "a.txt"): void {
  utimesSync(repository.path(name), new Date(0), new Date(1_000_000_000_000));
}

function removeTree(repository: TestRepository): void {
  const tree = repository.git("rev-parse", "HEAD^{tree}").trim();
  rmSync(repository.path(".git", "objects", tree.slice(0, 2), tree.slice(2)));
}

/** Makes every missing object one that git would fetch from `url`. */
function partialClone(repository: TestRepository, url: string): void {
  repository.git("config", "extensions.partialClone", "origin");
  repository.git("config", "core.repositoryFormatVersion", "1");
  repository.git("config", "remote.origin.url", url);
  repository.git("config", "remote.origin.promisor", "true");
  removeTree(repository);
}

function useFilter(repository: TestRepository, driver: string): void {
  repository.write({ ".git/info/attributes": `* filter=${driver}\n` });
  touch(repository);
}

const STATUS = ["status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all"];

const attacks: readonly Attack[] = [
  {
    name: "core.fsmonitor",
    plain: STATUS,
    prepare: (repository, { program }) => repository.git("config", "core.fsmonitor", program),
  },
  {
    name: "a hook in core.hooksPath",
    plain: STATUS,
    prepare(repository, { program }) {
      repository.git("config", "core.hooksPath", dirname(program));
      spawnSync("ln", ["-s", program, `${dirname(program)}/post-index-change`]);
      touch(repository);
    },
  },
  {
    name: "a hook in the git directory",
    plain: STATUS,
    prepare(repository, { program }) {
      spawnSync("ln", ["-s", program, repository.path(".git", "hooks", "post-index-change")]);
      touch(repository);
    },
  },
  ...["clean", "process"].map(
    (kind): Attack => ({
      name: `a filter's ${kind}`,
      plain: STATUS,
      needsArguments: true,
      prepare(repository, { program }) {
        repository.git("config", `filter.evil.${kind}`, program);
        useFilter(repository, "evil");
      },
    }),
  ),
  {
    name: "a filter from a tracked .gitattributes",
    plain: STATUS,
    needsArguments: true,
    prepare(repository, { program }) {
      repository.commit({ ".gitattributes": "*.txt filter=evil\n" });
      repository.git("config", "filter.evil.clean", program);
      repository.git("config", "filter.evil.required", "true");
      touch(repository);
    },
  },
  {
    name: "a filter with = in its name",
    plain: STATUS,
    needsArguments: true,
    prepare(repository, { program }) {
      repository.git("config", "filter.x=y.clean", program);
      useFilter(repository, "x=y");
    },
  },
  {
    name: "a filter in an included file",
    plain: STATUS,
    needsArguments: true,
    prepare(repository, { program }) {
      repository.write({ ".git/more": `[filter "evil"]\n\tclean = ${program}\n` });
      repository.git("config", "include.path", "more");
      useFilter(repository, "evil");
    },
  },
  {
    name: "a filter in a conditionally included file",
    plain: STATUS,
    needsArguments: true,
    prepare(repository, { program }) {
      repository.write({ ".git/more": `[filter "evil"]\n\tclean = ${program}\n` });
      repository.git("config", "includeIf.onbranch:main.path", "more");
      useFilter(repository, "evil");
    },
  },
  {
    name: "a filter in the work tree's own configuration",
    plain: STATUS,
    needsArguments: true,
    prepare(repository, { program }) {
      repository.git("config", "extensions.worktreeConfig", "true");
      repository.git("config", "--worktree", "filter.evil.clean", program);
      useFilter(repository, "evil");
    },
  },
  {
    name: "diff.external",
    plain: ["diff", "HEAD"],
    needsArguments: true,
    prepare(repository, { program }) {
      repository.git("config", "diff.external", program);
      repository.write({ "a.txt": "other\n" });
    },
  },
  ...["command", "textconv"].map(
    (kind): Attack => ({
      name: `a diff driver's ${kind}`,
      plain: ["diff", "HEAD"],
      needsArguments: true,
      prepare(repository, { program }) {
        repository.git("config", `diff.evil.${kind}`, program);
        repository.write({ "a.txt": "other\n", ".git/info/attributes": "*.txt diff=evil\n" });
      },
    }),
  ),
  {
    name: "gpg.program through log.showSignature",
    plain: ["log", "-1"],
    prepare(repository, { program }) {
      repository.git("config", "gpg.program", program);
      repository.git("config", "log.showSignature", "true");
      const [headers = "", message = ""] = repository.git("cat-file", "commit", "HEAD").split("\n\n");
      const signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AA\n -----END PGP SIGNATURE-----";
      repository.write({ ".git/signed": `${headers}\n${signature}\n\n${message}` });
      const signed = repository.git("hash-object", "-t", "commit", "-w", ".git/signed").trim();
      repository.git("update-ref", "HEAD", signed);
    },
  },
  ...(["core.fsmonitor", "filter.evil.clean"] as const).map(
    (key): Attack => ({
      name: `${key} of a submodule`,
      plain: STATUS,
      needsArguments: true,
      prepare(repository, { program }) {
        const other = createRepository({ home: repository.home });
        other.commit({ "a.txt": "a\n" });
        repository.git("submodule", "--quiet", "add", other.root, "sub");
        repository.commit({});
        repository.git("-C", "sub", "config", key, program);
        repository.write({ ".git/modules/sub/info/attributes": "* filter=evil\n" });
        touch(repository, "sub/a.txt");
      },
    }),
  ),
  {
    name: "the lazy fetch of a partial clone: uploadpack",
    plain: STATUS,
    prepare(repository, { program }) {
      repository.git("config", "remote.origin.uploadpack", program);
      partialClone(repository, temporaryDirectory());
    },
  },
  {
    name: "the lazy fetch of a partial clone: ext::, allowed by the repository",
    plain: STATUS,
    prepare(repository, { program }) {
      repository.git("config", "protocol.ext.allow", "always");
      partialClone(repository, `ext::${program}`);
    },
  },
  {
    name: "the lazy fetch of a partial clone: core.sshCommand",
    plain: STATUS,
    prepare(repository, { program }) {
      repository.git("config", "core.sshCommand", program);
      partialClone(repository, "ssh://localhost/x");
    },
  },
  {
    name: "the lazy fetch of a partial clone: core.gitProxy",
    plain: STATUS,
    prepare(repository, { program }) {
      repository.git("config", "core.gitProxy", program);
      partialClone(repository, "git://localhost/x");
    },
  },
];

function hostileRepository(attack: Attack): { repository: TestRepository; canary: Canary } {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n", "b.bin": Buffer.from([0, 1, 2]) });
  const canary = createCanary();
  attack.prepare(repository, canary);
  canary.fired();
  return { repository, canary };
}

function runPlain(repository: TestRepository, args: readonly string[]): void {
  const env = userEnvironment(repository.home);
  spawnSync("git", args, { cwd: repository.root, env, stdio: "ignore", timeout: 10_000 });
}

/** The outcome does not matter here: an attack may well make a collection fail. */
async function collectQuietly(repository: TestRepository): Promise<Collected | undefined> {
  try {
    return await collectIn(repository.root, repository.home);
  } catch {
    return undefined;
  }
}

describe.each(attacks)("$name", (attack) => {
  test("G26: the program runs with git as it comes", () => {
    const { repository, canary } = hostileRepository(attack);
    runPlain(repository, attack.plain);
    expect(canary.fired()).toBe(true);
  });

  test("G22, G23, G26: it does not run for a collection", async () => {
    const { repository, canary } = hostileRepository(attack);
    await collectQuietly(repository);
    expect(canary.fired()).toBe(false);
    // Nor is the state that makes git look for it gone.
    runPlain(repository, attack.plain);
    expect(canary.fired()).toBe(true);
  });
});

test.each(attacks.filter(({ needsArguments }) => !needsArguments))(
  "G22: $name does not run for the same arguments in the runner",
  async (attack) => {
    const { repository, canary } = hostileRepository(attack);
    await hardenedGit(repository.home).run(attack.plain, { cwd: repository.root, signal: deadline() });
    expect(canary.fired()).toBe(false);
  },
);

describe("G23: the configuration changes after it was read and before it is used", () => {
  /** Does something at the moment when the configuration has been read for the first time. */
  async function collectWith(repository: TestRepository, change: () => void): Promise<void> {
    const real = hardenedGit(repository.home);
    let changed = false;
    const git: typeof real = {
      async run(args, options) {
        const result = await real.run(args, options);
        if (args[0] === "config" && !changed) {
          changed = true;
          change();
        }
        return result;
      },
    };
    await createGitCollector({ git, workspace: repository.root }).collect({ signal: deadline() });
    expect(changed).toBe(true);
  }

  function prepared() {
    const repository = createRepository();
    repository.commit({ "a.txt": "a\n" });
    useFilter(repository, "evil");
    return { repository, canary: createCanary() };
  }

  test("G23, G26: a filter is added to it", async () => {
    const { repository, canary } = prepared();
    await collectWith(repository, () => repository.git("config", "filter.evil.clean", canary.program));
    expect(canary.fired()).toBe(false);
    runPlain(repository, STATUS);
    expect(canary.fired()).toBe(true);
  });

  test("G23, G26: a checkout makes it include more", async () => {
    const { repository, canary } = prepared();
    repository.git("branch", "other");
    repository.write({
      ".git/more": '[includeIf "onbranch:oth*"]\n\tpath = evil\n',
      ".git/evil": `[filter "evil"]\n\tclean = ${canary.program}\n`,
    });
    repository.git("config", "includeIf.onbranch:other.path", "more");
    await collectWith(repository, () => repository.git("symbolic-ref", "HEAD", "refs/heads/other"));
    expect(canary.fired()).toBe(false);
    runPlain(repository, STATUS);
    expect(canary.fired()).toBe(true);
  });
});
