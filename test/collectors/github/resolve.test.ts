// P1, P2, P3, P7, P8: from a real repository and its configuration to the base repository and the head.

import { describe, expect, test } from "vitest";
import { fullName } from "../../../src/collectors/github/remote-url.ts";
import {
  type Lookup,
  type NoLookup,
  type ResolveSettings,
  resolve,
} from "../../../src/collectors/github/resolve.ts";
import { checkoutOf, checkouts, configure, repositoryWith, track } from "../../helpers/checkout.ts";
import { createRepository, type TestRepository } from "../../helpers/repository.ts";

const APP = "https://github.com/octo/app.git";
const FORK = "git@github.com:me/app.git";
const GITLAB = "https://gitlab.com/octo/app.git";

const GITHUB: ResolveSettings = {
  host: "github.com",
  hostOfAlias: (alias) => (alias === "work" ? "github.com" : undefined),
};

/** In short: the candidates for the base, and the head; or the reason why there is nothing to look up. */
function inShort(resolved: Lookup | NoLookup): { bases: string[]; head: string } | string {
  if (resolved.outcome === "no_data") return resolved.reason;
  const { bases, head } = resolved;
  const wanted = head.kind === "number" ? `#${head.number}` : `:${head.branch}`;
  return { bases: bases.map(fullName), head: fullName(head.repository) + wanted };
}

async function resolved(repository: TestRepository, settings = GITHUB) {
  return inShort(resolve(await checkoutOf(repository), settings));
}

/** The lookup, or a failure. */
function lookupOf(found: Lookup | NoLookup): Lookup {
  if (found.outcome === "no_data") throw new Error(found.message);
  return found;
}

type Remotes = Readonly<Record<string, string>>;
type Settings = Readonly<Record<string, string>>;

describe("P1: remotes", () => {
  const cases: [string, Remotes, Settings, ReturnType<typeof inShort>][] = [
    ["no remote", {}, {}, "NOT_GITHUB"],
    ["another server", { origin: GITLAB }, {}, "NOT_GITHUB"],
    ["origin elsewhere", { origin: GITLAB, hub: APP }, {}, { bases: ["octo/app"], head: "octo/app:topic" }],
    ["a directory", { origin: "/srv/octo/app.git" }, {}, "NOT_GITHUB"],
    [
      "an ssh host alias",
      { origin: "git@work:octo/app.git" },
      {},
      { bases: ["octo/app"], head: "octo/app:topic" },
    ],
    [
      "insteadOf",
      { origin: "gh:octo/app" },
      { "url.git@github.com:.insteadOf": "gh:" },
      { bases: ["octo/app"], head: "octo/app:topic" },
    ],
    [
      "insteadOf leads away from GitHub",
      { origin: APP },
      { "url.https://mirror.example/.insteadOf": "https://github.com/" },
      "NOT_GITHUB",
    ],
    [
      "credentials are no part of it",
      { origin: "https://x-access-token:ghs_secret@github.com/Octo/App.git" },
      {},
      { bases: ["Octo/App"], head: "Octo/App:topic" },
    ],
    [
      "a push URL that differs",
      { origin: APP },
      {
        "remote.origin.pushurl": FORK,
        "branch.topic.remote": "origin",
        "branch.topic.merge": "refs/heads/topic",
      },
      { bases: ["octo/app"], head: "me/app:topic" },
    ],
    [
      "fetched from a mirror, pushed to GitHub",
      { origin: "https://mirror.example/octo/app" },
      { "remote.origin.pushurl": APP },
      { bases: ["octo/app"], head: "octo/app:topic" },
    ],
  ];
  test.each(cases)("P1: %s", async (_, remotes, settings, expected) => {
    const repository = repositoryWith(remotes);
    configure(repository, settings);
    expect(await resolved(repository)).toEqual(expected);
  });

  test("P1: only the server in question counts, and a namesake elsewhere is never asked for", async () => {
    const repository = repositoryWith({ origin: APP, work: "git@ghe.example.com:octo/app.git" });
    configure(repository, { "remote.origin.gh-resolved": "octo/app" });
    const enterprise = { host: "ghe.example.com" };
    const { bases } = lookupOf(resolve(await checkoutOf(repository), enterprise));
    expect(bases).toEqual([{ host: "ghe.example.com", owner: "octo", name: "app" }]);
    expect(await resolved(repositoryWith({ origin: APP }), enterprise)).toBe("NOT_GITHUB");
  });
});

describe("P2: the base repository", () => {
  const all = {
    zulu: "https://github.com/zulu/app",
    origin: FORK,
    github: "https://github.com/hub/app",
    Upstream: APP,
    alpha: "https://github.com/ME/App",
  };
  const head = "me/app:topic";
  const cases: [string, Remotes, Settings, string[], boolean][] = [
    [
      "upstream, github, origin, others, each once",
      all,
      {},
      ["octo/app", "hub/app", "me/app", "zulu/app"],
      false,
    ],
    ["gh-resolved = base", all, { "remote.zulu.gh-resolved": "base" }, ["zulu/app"], false],
    ["gh-resolved = owner/name", all, { "remote.origin.gh-resolved": "some/other" }, ["some/other"], false],
    [
      "gh-resolved = host/owner/name",
      all,
      { "remote.origin.gh-resolved": "github.com/some/other" },
      ["some/other"],
      false,
    ],
    [
      "gh-resolved of a remote elsewhere",
      { ...all, lab: GITLAB },
      { "remote.lab.gh-resolved": "base" },
      ["octo/app", "hub/app", "me/app", "zulu/app"],
      false,
    ],
    [
      "gh-resolved that is no name",
      { origin: FORK },
      { "remote.origin.gh-resolved": "../../x" },
      ["me/app"],
      true,
    ],
    ["origin alone, which may be a fork", { origin: FORK }, {}, ["me/app"], true],
    [
      "origin alone, which is the base",
      { origin: FORK },
      { "remote.origin.gh-resolved": "base" },
      ["me/app"],
      false,
    ],
  ];
  test.each(cases)("P2: %s", async (_, remotes, settings, bases, mayBeFork) => {
    const repository = repositoryWith(remotes);
    configure(repository, { "remote.pushDefault": "origin", ...settings });
    const checkout = await checkoutOf(repository);
    expect(inShort(resolve(checkout, GITHUB))).toEqual({ bases, head });
    expect(lookupOf(resolve(checkout, GITHUB)).mayBeFork).toBe(mayBeFork);
  });
});

describe("P3: the head", () => {
  const tracking = { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" };
  const fromUpstream = { "branch.topic.remote": "upstream", "branch.topic.merge": "refs/heads/main" };
  /** Branches as `remote/branch` that the clone knows of, settings, and the head. */
  const cases: [string, string[], Settings, string][] = [
    ["never pushed", [], {}, "me/app:topic"],
    ["pushed, and followed since", ["origin/topic"], tracking, "me/app:topic"],
    ["merged and pruned", [], tracking, "me/app:topic"],
    ["pushed by name only", ["origin/topic"], {}, "me/app:topic"],
    ["pushed by name only, to the other remote", ["upstream/topic"], {}, "octo/app:topic"],
    ["pushed by name only, to both", ["upstream/topic", "origin/topic"], {}, "me/app:topic"],
    ["made from upstream/main, pushed by name", ["origin/topic"], fromUpstream, "me/app:topic"],
    [
      "made from upstream/main, pushed there by name",
      ["upstream/topic", "origin/topic"],
      fromUpstream,
      "octo/app:topic",
    ],
    ["made from upstream/main, never pushed", [], fromUpstream, "octo/app:topic"],
    [
      "another name at the remote, push.default=upstream",
      ["origin/a/b"],
      { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/a/b", "push.default": "upstream" },
      "me/app:a/b",
    ],
    [
      "another name at the remote, pruned",
      [],
      { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/a/b", "push.default": "tracking" },
      "me/app:a/b",
    ],
    ["triangular: pushRemote", [], { ...fromUpstream, "branch.topic.pushRemote": "origin" }, "me/app:topic"],
    [
      "triangular: remote.pushDefault",
      [],
      { ...fromUpstream, "remote.pushDefault": "origin" },
      "me/app:topic",
    ],
    [
      "triangular: pushRemote before remote.pushDefault",
      [],
      { ...fromUpstream, "branch.topic.pushRemote": "upstream", "remote.pushDefault": "origin" },
      "octo/app:topic",
    ],
    [
      "triangular: push.default=current",
      ["origin/topic"],
      { ...fromUpstream, "remote.pushDefault": "origin", "push.default": "current" },
      "me/app:topic",
    ],
    [
      "triangular: push.default=upstream does not name the branch of another remote",
      ["origin/topic"],
      { ...fromUpstream, "remote.pushDefault": "origin", "push.default": "upstream" },
      "me/app:topic",
    ],
    [
      "push.default=upstream, from upstream/main",
      [],
      { ...fromUpstream, "push.default": "upstream" },
      "octo/app:main",
    ],
    ["push.default=nothing", ["origin/topic"], { ...tracking, "push.default": "nothing" }, "me/app:topic"],
    [
      "a push refspec",
      ["origin/me/topic"],
      { "branch.topic.remote": "origin", "remote.origin.push": "refs/heads/*:refs/heads/me/*" },
      "me/app:me/topic",
    ],
    [
      "pushRemote is an address",
      [],
      { "branch.topic.pushRemote": "https://github.com/third/app" },
      "third/app:topic",
    ],
    [
      "the remote is an address",
      [],
      { "branch.topic.remote": "https://github.com/third/app", "branch.topic.merge": "refs/heads/topic" },
      "third/app:topic",
    ],
    [
      "follows a local branch",
      [],
      { "branch.topic.remote": ".", "branch.topic.merge": "refs/heads/main" },
      "me/app:topic",
    ],
    [
      "follows a local branch, pushed by name",
      ["upstream/topic"],
      { "branch.topic.remote": ".", "branch.topic.merge": "refs/heads/main" },
      "octo/app:topic",
    ],
  ];
  test.each(cases)("P3: %s", async (_, known, settings, head) => {
    const repository = repositoryWith({ upstream: APP, origin: FORK });
    for (const name of known) {
      const [remote = "", ...branch] = name.split("/");
      track(repository, remote, branch.join("/"));
    }
    configure(repository, settings);
    expect(await resolved(repository)).toEqual({ bases: ["octo/app", "me/app"], head });
  });

  test("P3: refs/pull/N/head names the pull request of the repository that it was fetched from", async () => {
    const repository = repositoryWith({ upstream: APP, origin: FORK });
    configure(repository, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/pull/42/head" });
    const of = async (remote: string) => {
      repository.git("config", "branch.topic.remote", remote);
      return await resolved(repository);
    };
    expect(await of("origin")).toEqual({ bases: ["me/app"], head: "me/app#42" });
    expect(await of("upstream")).toEqual({ bases: ["octo/app"], head: "octo/app#42" });
    expect(await of("https://github.com/third/app")).toEqual({ bases: ["third/app"], head: "third/app#42" });
    expect(await of("gone")).toEqual({ bases: ["octo/app"], head: "octo/app#42" });
  });

  test("P3: what is pushed elsewhere is no head at GitHub", async () => {
    const repository = repositoryWith({ origin: APP, lab: GITLAB });
    configure(repository, { "branch.topic.pushRemote": "lab" });
    const found = resolve(await checkoutOf(repository), GITHUB);
    expect(found).toMatchObject({ outcome: "no_data", reason: "NOT_GITHUB" });
    expect(found).toHaveProperty("message", "topic is pushed to lab, which is not at github.com.");
  });

  test.each(["feature/a/b", "fix#12", "ünï", "(detached)", "a".repeat(200)])(
    "P3: a branch called %s",
    async (name) => {
      const repository = repositoryWith({ origin: APP });
      repository.git("branch", "--move", name);
      configure(repository, { "push.default": "current" });
      track(repository, "origin", name);
      expect(await resolved(repository)).toEqual({ bases: ["octo/app"], head: `octo/app:${name}` });
    },
  );
});

describe("P7: the identity of a lookup", () => {
  test("P7: commits, edits and the case of names do not change it; branch, remotes and upstream do", async () => {
    const repository = repositoryWith({ upstream: APP, origin: FORK });
    const read = checkouts(repository);
    const id = async () => lookupOf(resolve(await read(), GITHUB)).id;
    const seen = new Set([await id()]);
    const same = async (change: () => unknown) => {
      change();
      expect(seen).toContain(await id());
    };
    const another = async (change: () => unknown) => {
      const { size } = seen;
      change();
      seen.add(await id());
      expect(seen.size).toBe(size + 1);
    };
    await same(() => repository.commit({ "a.txt": "new\n" }));
    await same(() => repository.write({ "b.txt": "b\n" }));
    await same(() => repository.git("remote", "set-url", "upstream", "git@github.com:OCTO/App"));
    await same(() => track(repository, "origin", "topic"));
    await another(() => repository.git("checkout", "--quiet", "-b", "other"));
    await another(() => repository.git("remote", "set-url", "origin", "https://github.com/you/app"));
    await another(() => repository.git("config", "remote.origin.gh-resolved", "base"));
    await another(() => repository.git("config", "branch.other.pushRemote", "upstream"));
    await another(() =>
      configure(repository, { "branch.other.remote": "origin", "branch.other.merge": "refs/pull/1/head" }),
    );
  });

  test("P7: it says what it is about", async () => {
    const repository = repositoryWith({ upstream: APP, origin: FORK });
    const described = async () => lookupOf(resolve(await checkoutOf(repository), GITHUB)).description;
    expect(await described()).toBe("pull requests of octo/app, head me/app:topic");
    configure(repository, { "branch.topic.remote": "upstream", "branch.topic.merge": "refs/pull/7/head" });
    expect(await described()).toBe("pull request 7 of octo/app");
  });
});

describe("P8: no branch", () => {
  test("P8: a detached HEAD and an unborn branch have no pull request", async () => {
    const repository = repositoryWith({ origin: APP });
    repository.git("checkout", "--quiet", "--detach");
    expect(await resolved(repository)).toBe("DETACHED_HEAD");
    const unborn = createRepository();
    unborn.git("remote", "add", "origin", APP);
    expect(await resolved(unborn)).toBe("NO_COMMITS");
  });

  test.each(["--merge", "--apply"])(
    "P8: during a rebase %s, the branch being rebased counts",
    async (backend) => {
      const repository = repositoryWith({ upstream: APP, origin: FORK });
      repository.commit({ "a.txt": "topic\n" });
      track(repository, "origin", "topic");
      configure(repository, { "branch.topic.remote": "origin", "branch.topic.merge": "refs/heads/topic" });
      const before = lookupOf(resolve(await checkoutOf(repository), GITHUB));
      repository.git("checkout", "--quiet", "main");
      repository.commit({ "a.txt": "main\n" });
      repository.git("checkout", "--quiet", "topic");
      expect(() => repository.git("rebase", "--quiet", backend, "main")).toThrow();
      expect(lookupOf(resolve(await checkoutOf(repository), GITHUB))).toEqual(before);
    },
  );
});
