import fc from "fast-check";
import { expect, test } from "vitest";
import { CollectError } from "../../../src/collectors/collector.ts";
import {
  readDetails,
  readPulls,
  readRepository,
  readReviews,
  readRuns,
  readStatuses,
} from "../../../src/collectors/github/bodies.ts";
import { addTallies, checksStatus, tallyRuns, tallyStatuses } from "../../../src/collectors/github/checks.ts";
import { reviewStatus } from "../../../src/collectors/github/reviews.ts";
import { toMetadata } from "../../../src/collectors/github/tree.ts";

const repository = { full_name: "octo/app", default_branch: "main" };
const PULL = {
  number: 1,
  state: "open",
  title: "",
  html_url: "",
  user: { id: 1, login: "ann" },
  created_at: "",
  updated_at: "",
  head: { sha: "", ref: "", repo: repository },
  base: { ref: "main", repo: repository },
  additions: 0,
  deletions: 0,
  changed_files: 0,
};

/** A body of which any one value, at any depth, is another one. */
function bent(body: object): fc.Arbitrary<unknown> {
  const bend = (value: unknown): fc.Arbitrary<unknown> => {
    if (typeof value !== "object" || value === null) return fc.jsonValue();
    const within = Object.entries(value).map(([name, inner]) =>
      bend(inner).map((other) => (Array.isArray(value) ? [other] : { ...value, [name]: other })),
    );
    return fc.oneof(fc.jsonValue(), ...within);
  };
  return bend(body);
}

/** Reads pages as they come over the network, whatever they are. */
const any = <Page, Value>(read: (pages: readonly Page[]) => Value) => read as (pages: unknown) => Value;

const check = {
  id: 1,
  name: "a",
  status: "completed",
  conclusion: "success",
  completed_at: "",
  app: { id: 1 },
};
const status = { id: 1, context: "a", state: "success", updated_at: "" };
const review = { user: { id: 1, login: "ben" }, state: "APPROVED", submitted_at: "" };

const READERS: readonly [what: string, body: object, use: (pages: unknown) => unknown][] = [
  [
    "a list of pull requests",
    [PULL],
    (pages) => any(readPulls)(pages).map((pull) => toMetadata({ pull, count: 1, localHead: "" })),
  ],
  [
    "details",
    PULL,
    (pages) => {
      const details = any(readDetails)(pages);
      return toMetadata({ pull: details, details, count: 1, localHead: "" });
    },
  ],
  ["reviews", [review], (pages) => reviewStatus(any(readReviews)(pages), { user: null })],
  ["check runs", { check_runs: [check] }, (pages) => checksStatus(tallyRuns(any(readRuns)(pages)))],
  [
    "commit statuses",
    { statuses: [status] },
    (pages) => addTallies(tallyStatuses(any(readStatuses)(pages)), tallyRuns([])),
  ],
  ["a repository", { full_name: "octo/app", fork: true, parent: repository }, any(readRepository)],
];

test.each(READERS)("P19, S25: %s of any shape is read, or a bad answer", (_, body, use) => {
  expect(() => use([body])).not.toThrow();
  const reads = (page: unknown): boolean => {
    try {
      use([page]);
    } catch (error) {
      expect(error).toBeInstanceOf(CollectError);
      expect(error).toMatchObject({ reason: "BAD_ANSWER" });
    }
    return true;
  };
  fc.assert(fc.property(bent(body), reads));
});

test("P19: a bad answer names the place", () => {
  const pages = [[{ ...PULL, head: { ...PULL.head, sha: null } }]];
  expect(() => any(readPulls)(pages)).toThrow('GitHub\'s answer is not what it should be at "0.head.sha"');
});
