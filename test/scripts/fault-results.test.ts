import { describe, expect, it } from "vitest";
import { FAULT_TESTS, faultResults, guaranteesOf, type RanTest } from "../../scripts/fault-results.ts";

const S1 = { id: "S1", title: "Malformed Host" };

const ran = (name: string, state: RanTest["state"] = "passed", note?: string): RanTest => ({
  names: [name, "suite"],
  state,
  note,
});

describe("the guarantees that get a line", () => {
  it("are those of safety, and of git those about repositories that are not to be trusted", () => {
    const page = [
      "- **G20** Large work trees. Text",
      "- **G21** An environment\n  made of nothing. Text",
      "- **G28** No credentials. Text. More",
      "- **P1** Remote URLs. Text",
      "- **S1** Malformed Host. On an RPC path.",
      "- **S26** Soak.",
    ].join("\n");
    expect(guaranteesOf(page)).toEqual([
      { id: "G28", title: "No credentials" },
      S1,
      { id: "S26", title: "Soak" },
    ]);
  });

  it.each([
    ["S1: a", true],
    ["suite S12: a", true],
    ["suite > G16, G21: a", true],
    ["G21, G16: a", true],
    ["G16: a", false],
    ["P9: a", false],
    ["about S1", false],
  ])("are found by names: %s", (name, expected) => {
    expect(FAULT_TESTS.test(name)).toBe(expected);
  });
});

describe("a line", () => {
  const lineOf = (...tests: RanTest[]) => faultResults([S1], tests);

  it("counts the tests that bear the number, in their name or in that of a suite", () => {
    const { lines, isComplete } = lineOf(
      ran("S1: a"),
      ran("S2, S1: b"),
      ran("S11: c", "failed"),
      { names: ["d", "S1: suite"], state: "passed" },
      ran("e"),
    );
    expect(lines).toEqual(["S1  ok      (3 tests) Malformed Host"]);
    expect(isComplete).toBe(true);
  });

  it("says what failed, is missing, or was skipped without a reason", () => {
    expect(lineOf(ran("S1: a"), ran("S1: b", "failed"))).toEqual({
      lines: ["S1  FAILED  (1 test, 1 failed) Malformed Host"],
      isComplete: false,
    });
    expect(lineOf()).toEqual({ lines: ["S1  MISSING (0 tests) Malformed Host"], isComplete: false });
    expect(lineOf(ran("S1: a", "skipped"))).toEqual({
      lines: ["S1  skipped (0 tests, 1 skipped) Malformed Host"],
      isComplete: false,
    });
  });

  it("gives the reason of what was skipped", () => {
    expect(lineOf(ran("S1: a", "skipped", "only on Linux"))).toEqual({
      lines: ["S1  skipped (0 tests, 1 skipped: only on Linux) Malformed Host"],
      isComplete: true,
    });
  });

  it("is there for some guarantee at least", () => {
    expect(faultResults([], [ran("S1: a")]).isComplete).toBe(false);
  });
});
