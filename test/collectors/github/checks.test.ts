import { expect, test } from "vitest";
import type { CheckRun, CommitStatus } from "../../../src/collectors/github/bodies.ts";
import {
  addTallies,
  checksStatus,
  tallyRuns,
  tallyStatuses,
  UNREADABLE,
} from "../../../src/collectors/github/checks.ts";
import { ChecksStatus } from "../../../src/gen/fleet/metadata/v1/github_pb.ts";

const { FAILING, NONE, PASSING, PENDING, UNAVAILABLE } = ChecksStatus;
let lastId = 0;

function run(name: string, conclusion: string | null, more: Partial<CheckRun> = {}): CheckRun {
  lastId += 1;
  const status = conclusion === null ? "in_progress" : "completed";
  return { id: lastId, name, status, conclusion, completed_at: null, app: { id: 1 }, ...more };
}

function status(context: string, state: string): CommitStatus {
  lastId += 1;
  return { id: lastId, context, state, updated_at: "2026-01-01T00:00:00Z" };
}

test.each([
  ["success", PASSING],
  ["neutral", PASSING],
  ["skipped", PASSING],
  ["failure", FAILING],
  ["error", FAILING],
  ["cancelled", FAILING],
  ["timed_out", FAILING],
  ["action_required", FAILING],
  ["startup_failure", FAILING],
  ["stale", PENDING],
  ["a word of next year", PENDING],
  [null, PENDING],
])("P9: a check run that ended with %s", (conclusion, expected) => {
  expect(checksStatus(tallyRuns([run("build", conclusion, { status: "completed" })]))).toBe(expected);
});

test.each(["queued", "in_progress", "waiting", "requested", "pending", "a word of next year"])(
  "P9: a check run that is %s is pending, whatever it concludes",
  (word) => {
    expect(checksStatus(tallyRuns([run("build", "success", { status: word })]))).toBe(PENDING);
  },
);

test.each([
  ["success", PASSING],
  ["failure", FAILING],
  ["error", FAILING],
  ["pending", PENDING],
  ["expected", PENDING],
])("P9: a commit status %s", (state, expected) => {
  expect(checksStatus(tallyStatuses([status("ci", state)]))).toBe(expected);
});

test("P9: check runs and commit statuses count together, and those that failed are named", () => {
  const runs = tallyRuns([run("test", "failure"), run("lint", "success"), run("docs", null)]);
  const statuses = tallyStatuses([status("deploy", "error"), status("cla", "success")]);
  const both = addTallies(runs, statuses);
  expect(both).toMatchObject({ passed: 2, pending: 1, failing: ["deploy", "test"] });
  expect(checksStatus(both)).toBe(FAILING);
});

test("P9: as soon as one failed they are failing, else while one is pending they are pending", () => {
  const words = (...conclusions: (string | null)[]) =>
    checksStatus(tallyRuns(conclusions.map((conclusion, index) => run(`check ${index}`, conclusion))));
  expect(words("success", null, "failure")).toBe(FAILING);
  expect(words("success", null)).toBe(PENDING);
  expect(words("success", "skipped")).toBe(PASSING);
  expect(words()).toBe(NONE);
});

test("P9: of re-runs the newest counts, in whatever order they are listed", () => {
  const [failed, again, running] = [run("test", "failure"), run("test", "success"), run("lint", null)];
  for (const runs of [
    [failed, again, running],
    [running, again, failed],
  ]) {
    expect(tallyRuns(runs)).toMatchObject({ passed: 1, pending: 1, failing: [] });
  }
});

test("P9: a check that is run again is pending, though it had failed", () => {
  expect(checksStatus(tallyRuns([run("test", "failure"), run("test", null)]))).toBe(PENDING);
});

test("P9: checks of one name from two apps are two checks", () => {
  const runs = [run("build", "failure", { app: { id: 1 } }), run("build", "success", { app: { id: 2 } })];
  expect(tallyRuns(runs)).toMatchObject({ passed: 1, failing: ["build"] });
});

test("P9: a check whose app was deleted counts", () => {
  expect(tallyRuns([run("build", "failure", { app: null })])).toMatchObject({ failing: ["build"] });
});

test("P9: where one kind may not be read, the other one can only tell of failures", () => {
  const words = (state: string) => checksStatus(addTallies(UNREADABLE, tallyStatuses([status("ci", state)])));
  expect(words("success")).toBe(UNAVAILABLE);
  expect(words("pending")).toBe(UNAVAILABLE);
  expect(words("failure")).toBe(FAILING);
});

test("P9: when there are more than are read, those that are read can only tell of failures", () => {
  expect(checksStatus(tallyRuns([run("build", "success")], false))).toBe(UNAVAILABLE);
  expect(checksStatus(tallyRuns([run("build", "failure")], false))).toBe(FAILING);
});

test("P9: a thousand check runs with names of 10,000 characters", () => {
  const names = Array.from({ length: 1_000 }, (_, index) => `${index} ${"x".repeat(10_000)}`);
  const tally = tallyRuns(names.map((name, index) => run(name, index % 2 === 0 ? "failure" : "success")));
  expect(tally).toMatchObject({ passed: 500, pending: 0 });
  expect(tally.failing).toHaveLength(500);
});

test("the last end of all checks is told, and what is no time is not taken for one", () => {
  const runs = tallyRuns([
    run("a", "success", { completed_at: "2026-01-01T00:00:02Z" }),
    run("b", "success", { completed_at: "yesterday" }),
    run("c", "success", { completed_at: null }),
  ]);
  expect(runs.lastEndedMs).toBe(Date.UTC(2026, 0, 1, 0, 0, 2));
  expect(tallyRuns([]).lastEndedMs).toBeUndefined();
});
