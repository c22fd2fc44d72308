// P4, P5, P6: of several pull requests, the one that belongs to the current branch.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Body } from "../../../src/collectors/github/api.ts";
import { choose, type ListedPull, type LocalHistory } from "../../../src/collectors/github/choose.ts";
import { parseFullName, type Repository } from "../../../src/collectors/github/remote-url.ts";
import type { Target } from "../../../src/collectors/github/target.ts";
import { checkoutOf, repositoryWith } from "../../helpers/checkout.ts";
import { deadline } from "../../helpers/git-source.ts";

function repository(name: string): Repository {
  const parsed = parseFullName(name, { host: "github.com" });
  if (parsed === undefined) throw new Error(`no repository: ${name}`);
  return parsed;
}

/** Pull requests of `me/app:topic` in `octo/app`. */
const TARGET: Target = {
  step: "target",
  bases: [repository("octo/app")],
  unseen: [],
  head: { kind: "branch", repository: repository("me/app"), branch: "topic" },
};

const HEAD = "h".repeat(40);

/** HEAD, with answers for other commits; none was asked for any more. */
function history(answers: Readonly<Record<string, "ancestor" | "foreign" | "unknown">> = {}): LocalHistory {
  return { head: HEAD, ancestry: (oid) => answers[oid] };
}

/** As the list has it: open, of `me/app:topic`, one a day by number. */
function pull(
  number: number,
  options: {
    closed?: true;
    sha?: string;
    from?: string | null;
    branch?: string;
    base?: string;
    defaultBranch?: string;
  } = {},
): ListedPull {
  const {
    closed,
    sha = `${number}`.repeat(40).slice(0, 40),
    from = "me/app",
    branch = "topic",
    base = "octo/app",
  } = options;
  const { defaultBranch = "main" } = options;
  return {
    number,
    state: closed ? "closed" : "open",
    created_at: new Date(Date.UTC(2026, 0, number)).toISOString(),
    head: {
      sha,
      ref: branch,
      repo: from === null ? null : { full_name: from, default_branch: defaultBranch },
    },
    base: { repo: { full_name: base, default_branch: "main" } },
  };
}

/** In short: the number chosen, how many there are, and what is open. */
function chosen(listed: readonly ListedPull[], local = history(), target = TARGET) {
  const { pull: found, count, ask, undecided } = choose(listed, target, local);
  return { number: found?.number, count, ask, undecided: undecided.map(({ number }) => number) };
}

const NONE = { ask: undefined, undecided: [] };

describe("P4: forks", () => {
  test("P4: other forks of the same owner, and other branches, are not this head's", () => {
    const listed = [pull(3, { from: "me/app-2" }), pull(2), pull(4, { branch: "Topic" })];
    expect(chosen(listed)).toEqual({ number: 2, count: 1, ...NONE });
    expect(chosen([pull(3, { from: "me/app-2" })])).toEqual({ number: undefined, count: 0, ...NONE });
    expect(chosen([pull(1, { from: "ME/App" })])).toEqual({ number: 1, count: 1, ...NONE });
  });

  test("P4: one of a deleted fork counts while its head is in the history of HEAD", () => {
    const listed = [pull(5, { from: null })];
    const { sha } = pull(5).head;
    expect(chosen(listed)).toEqual({ number: undefined, count: 1, ask: sha, undecided: [] });
    expect(chosen(listed, history({ [sha]: "ancestor" }))).toMatchObject({ number: 5 });
    expect(chosen(listed, history({ [sha]: "foreign" }))).toMatchObject({ number: undefined, undecided: [] });
    expect(chosen([pull(5, { from: null, closed: true, sha: HEAD })])).toMatchObject({
      number: 5,
      ask: undefined,
    });
  });

  test("P4: an open one of the fork itself goes before a closed one of its parent", () => {
    const target: Target = { ...TARGET, bases: [repository("octo/app"), repository("me/app")] };
    const inParent = (options = {}) => pull(1, options);
    const inFork = (options = {}) => pull(2, { base: "me/app", ...options });
    expect(chosen([inFork(), inParent()], history(), target)).toMatchObject({ number: 1, count: 2 });
    expect(chosen([inFork(), inParent({ closed: true })], history(), target)).toMatchObject({ number: 2 });
    const closed = { closed: true, sha: HEAD };
    expect(chosen([inFork(closed), inParent(closed)], history(), target)).toMatchObject({ number: 1 });
  });
});

describe("P5: several pull requests", () => {
  test("P5: open before closed, then the newest, and all are counted", () => {
    const listed = [pull(1), pull(4, { closed: true, sha: HEAD }), pull(3), pull(2)];
    expect(chosen(listed)).toEqual({ number: 3, count: 4, ...NONE });
    expect(
      chosen([pull(1, { closed: true, sha: HEAD }), pull(2, { closed: true, sha: HEAD })]),
    ).toMatchObject({
      number: 2,
      count: 2,
    });
  });

  test("P5: the order of the list does not matter", () => {
    const some = fc.uniqueArray(
      fc.record({
        number: fc.integer({ min: 1, max: 9 }),
        closed: fc.boolean(),
        from: fc.constantFrom("me/app", "me/other", null),
      }),
      { selector: ({ number }) => number },
    );
    const local: LocalHistory = { head: HEAD, ancestry: (oid) => (oid < "4" ? "ancestor" : "unknown") };
    fc.assert(
      fc.property(some, fc.infiniteStream(fc.integer()), (records, random) => {
        const listed = records.map(({ number, closed, from }) =>
          pull(number, { from, ...(closed && { closed }) }),
        );
        const shuffled = listed
          .map((each) => ({ each, at: Number(random.next().value) }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each);
        expect(chosen(shuffled, local)).toEqual(chosen(listed, local));
      }),
    );
  });

  test("P5: one that is known by its number is chosen whatever it is", () => {
    const target: Target = {
      ...TARGET,
      head: { kind: "number", repository: repository("octo/app"), number: 7 },
    };
    expect(chosen([pull(7, { closed: true, from: null })], history(), target)).toEqual({
      number: 7,
      count: 1,
      ...NONE,
    });
    expect(chosen([], history(), target)).toEqual({ number: undefined, count: 0, ...NONE });
  });
});

describe("P6: old pull requests", () => {
  test("P6: on the default branch closed ones do not count, open ones do", () => {
    const closed = pull(1, { closed: true, sha: HEAD, defaultBranch: "topic" });
    expect(chosen([closed])).toEqual({ number: undefined, count: 1, ...NONE });
    expect(chosen([closed, pull(2, { defaultBranch: "topic" })])).toMatchObject({ number: 2, count: 2 });
  });

  test("P6: a closed one counts while its head is HEAD or comes before it", () => {
    const { sha } = pull(1).head;
    const closed = [pull(1, { closed: true })];
    expect(chosen(closed)).toEqual({ number: undefined, count: 1, ask: sha, undecided: [] });
    expect(chosen(closed, history({ [sha]: "ancestor" }))).toEqual({ number: 1, count: 1, ...NONE });
    expect(chosen(closed, history({ [sha]: "foreign" }))).toEqual({ number: undefined, count: 1, ...NONE });
    expect(chosen([pull(1, { closed: true, sha: HEAD })])).toEqual({ number: 1, count: 1, ...NONE });
  });

  test("P6: what cannot be told is said and not guessed", () => {
    const listed = [pull(1, { closed: true }), pull(2, { closed: true })];
    const [older = "", newer = ""] = listed.map(({ head }) => head.sha);
    expect(chosen(listed, history({ [newer]: "unknown", [older]: "unknown" }))).toEqual({
      number: undefined,
      count: 2,
      ask: undefined,
      undecided: [2, 1],
    });
    expect(chosen(listed, history({ [newer]: "unknown", [older]: "ancestor" }))).toMatchObject({
      number: 1,
      undecided: [2],
    });
    expect(chosen([...listed, pull(3)], history())).toMatchObject({ number: 3, undecided: [] });
  });

  test("P6: git is not asked without end for a name that was used again and again", () => {
    const listed = Array.from({ length: 28 }, (_, index) =>
      pull(index + 1, { closed: true, sha: `${index}` }),
    );
    const asked = new Map<string, "foreign">();
    for (;;) {
      const { ask } = choose(listed, TARGET, { head: HEAD, ancestry: (oid) => asked.get(oid) });
      if (ask === undefined) break;
      asked.set(ask, "foreign");
    }
    expect([...asked.keys()]).toEqual(Array.from({ length: 20 }, (_, index) => `${27 - index}`));
  });

  test("P6: a name that was used again does not inherit the old pull request, in a real repository", async () => {
    const local = repositoryWith({ origin: "https://github.com/me/app" });
    const merged = local.commit({ "a.txt": "first use\n" });
    const listed = [pull(1, { closed: true, sha: merged })];
    const ask = async () => {
      const { head, isAncestor } = await checkoutOf(local);
      const isOurs = await isAncestor(merged, deadline());
      const ancestry = isOurs === undefined ? "unknown" : isOurs ? "ancestor" : "foreign";
      return choose(listed, TARGET, { head: head ?? "", ancestry: () => ancestry }).pull?.number;
    };
    expect(await ask()).toBe(1);
    local.commit({ "a.txt": "more\n" });
    expect(await ask()).toBe(1);
    local.git("checkout", "--quiet", "-B", "topic", "main");
    local.commit({ "a.txt": "second use\n" });
    expect(await ask()).toBeUndefined();
  });
});

test("the bodies of GitHub's answers are understood", () => {
  const listed: (body: Body<"GET /repos/{owner}/{repo}/pulls">[number]) => ListedPull = (body) => body;
  const one: (body: Body<"GET /repos/{owner}/{repo}/pulls/{pull_number}">) => ListedPull = (body) => body;
  expect([listed, one]).toHaveLength(2);
});
