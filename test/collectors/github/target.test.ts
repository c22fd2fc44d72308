// P2, P7: from the candidates to the repositories as GitHub calls them today.

import { describe, expect, test } from "vitest";
import type { Body } from "../../../src/collectors/github/api.ts";
import { fullName, parseFullName, type Repository } from "../../../src/collectors/github/remote-url.ts";
import type { Lookup } from "../../../src/collectors/github/resolve.ts";
import { nextStep, type RepositoryAnswer } from "../../../src/collectors/github/target.ts";

function repository(name: string): Repository {
  const parsed = parseFullName(name, { host: "github.com" });
  if (parsed === undefined) throw new Error(`no repository: ${name}`);
  return parsed;
}

/** A lookup of `topic` in a head repository, with these candidates. */
function lookupOf(bases: readonly string[], head: string, mayBeFork = false): Lookup {
  const [first, ...others] = bases.map(repository);
  if (first === undefined) throw new Error("no candidate");
  return {
    outcome: "lookup",
    id: "",
    description: "",
    bases: [first, ...others],
    mayBeFork,
    head: { kind: "branch", repository: repository(head), branch: "topic" },
  };
}

function plain(full_name: string): RepositoryAnswer {
  return { full_name, fork: false };
}

function fork(full_name: string, parent?: string): RepositoryAnswer {
  return { full_name, fork: true, ...(parent !== undefined && { parent: { full_name: parent } }) };
}

/** Asks what is to be asked, of a GitHub that has these repositories, by the lower-case names under which it answers. */
function walk(lookup: Lookup, github: Readonly<Record<string, RepositoryAnswer>>) {
  const answers = new Map<string, RepositoryAnswer | "not_visible">();
  const asked: string[] = [];
  for (;;) {
    const step = nextStep(lookup, (each) => answers.get(fullName(each).toLowerCase()));
    if (step.step === "none_visible") return { asked, none: true };
    if (step.step === "target") {
      const { head, bases, unseen } = step;
      return {
        asked,
        bases: bases.map(fullName),
        head: fullName(head.repository),
        unseen: unseen.map(fullName),
      };
    }
    const name = fullName(step.repository).toLowerCase();
    expect(answers.has(name), `${name} is asked once`).toBe(false);
    asked.push(name);
    answers.set(name, github[name] ?? "not_visible");
  }
}

describe("P2: the base repository", () => {
  test("P2: the first candidate that can be seen is the base, and what cannot be seen is told", () => {
    const github = { "octo/app": plain("octo/app"), "me/app": fork("me/app", "octo/app") };
    expect(walk(lookupOf(["octo/app", "me/app"], "me/app"), github)).toEqual({
      asked: ["octo/app", "me/app"],
      bases: ["octo/app"],
      head: "me/app",
      unseen: [],
    });
    expect(walk(lookupOf(["gone/app", "octo/app"], "octo/app"), github)).toEqual({
      asked: ["gone/app", "octo/app"],
      bases: ["octo/app"],
      head: "octo/app",
      unseen: ["gone/app"],
    });
    expect(walk(lookupOf(["gone/app", "lost/app"], "gone/app"), github)).toEqual({
      asked: ["gone/app", "lost/app"],
      none: true,
    });
  });

  test("P2: of a fork it is the parent, when the token can see it, and then the fork itself", () => {
    const lookup = lookupOf(["me/app"], "me/app", true);
    const asked = ["me/app"];
    const common = { asked, head: "me/app", unseen: [] };
    expect(walk(lookup, { "me/app": fork("me/app", "octo/app") })).toEqual({
      ...common,
      bases: ["octo/app", "me/app"],
    });
    expect(walk(lookup, { "me/app": fork("me/app") })).toEqual({ ...common, bases: ["me/app"] });
    expect(walk(lookup, { "me/app": plain("me/app") })).toEqual({ ...common, bases: ["me/app"] });
  });

  test("P2: not where the user has said which repository is the base", () => {
    const lookup = lookupOf(["me/app"], "me/app", false);
    expect(walk(lookup, { "me/app": fork("me/app", "octo/app") })).toMatchObject({ bases: ["me/app"] });
  });

  test("P2: a head repository that cannot be seen keeps its name", () => {
    const github = { "octo/app": plain("octo/app") };
    expect(walk(lookupOf(["octo/app"], "gone/app"), github)).toMatchObject({
      head: "gone/app",
      bases: ["octo/app"],
    });
  });
});

describe("P7: renamed and transferred repositories", () => {
  test("P7: base, head and parent are called as they are today", () => {
    const github = { "old/app": plain("New/App"), "me/app": plain("me/renamed") };
    expect(walk(lookupOf(["old/app"], "OLD/app"), github)).toMatchObject({
      asked: ["old/app"],
      bases: ["New/App"],
      head: "New/App",
    });
    expect(walk(lookupOf(["old/app"], "me/app"), github)).toMatchObject({
      bases: ["New/App"],
      head: "me/renamed",
    });
  });

  test("P7: a name that GitHub cannot have given is not believed", () => {
    for (const full_name of ["../../user", "a/b/c", "", "octo/app?x"]) {
      expect(
        walk(lookupOf(["octo/app"], "octo/app", true), { "octo/app": fork(full_name, full_name) }),
      ).toMatchObject({
        bases: ["octo/app"],
      });
    }
  });
});

test("P3: a pull request that is known by its number is asked for at once", () => {
  const base = repository("octo/app");
  const lookup: Lookup = {
    ...lookupOf(["octo/app"], "octo/app"),
    head: { kind: "number", repository: base, number: 7 },
  };
  expect(walk(lookup, {})).toEqual({ asked: [], bases: ["octo/app"], head: "octo/app", unseen: [] });
});

test("the bodies of GitHub's answers are understood", () => {
  const understood: (body: Body<"GET /repos/{owner}/{repo}">) => RepositoryAnswer = (body) => body;
  expect(understood).toBeTypeOf("function");
});
