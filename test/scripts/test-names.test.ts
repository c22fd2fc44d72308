import { describe, expect, it } from "vitest";
import { testNames } from "../../scripts/test-names.ts";

const names = (text: string) => testNames("a.test.ts", text).map((name) => name.text);
const running = (text: string) =>
  testNames("a.test.ts", text)
    .filter((name) => name.runs)
    .map((name) => name.text);

describe("names are found", () => {
  it("with their line", () => {
    expect(testNames("a.test.ts", 'describe("a", () => {\n  it("b", f);\n});')).toEqual([
      { text: "a", line: 1, runs: true },
      { text: "b", line: 2, runs: true },
    ]);
  });

  it.each([
    ["a test", 'test("x", f)', ["x"]],
    ["a suite", 'suite("x", f)', ["x"]],
    ["a modifier", 'it.concurrent("x", f); it.only("y", f)', ["x", "y"]],
    ["a condition on the test", 'it.skipIf(root)("x", f); it.runIf(linux)("y", f)', ["x", "y"]],
    ["options", 'it("x", { timeout: 5, skip: false }, f)', ["x"]],
    ["a template", "it(`x`, f); it(`y $" + "{z} w`, f)", ["x", "y … w"]],
    ["a sum", 'it("x" + 1 + "z", f)', ["x…z"]],
    ["a choice", 'it(a ? "x" : "y", f)', ["x", "y"]],
    ["a constant", 'const x = "y"; it(x, f)', ["y"]],
    ["a test of one's own", 'const own = test.extend({}); own("x", f)', ["x"]],
    ["a test chosen by a condition", 'const own = root ? it.skip : it; own("x", f)', ["x"]],
    ["each", 'it.each([1, 2])("x %s", f)', ["x %s"]],
    ["for", 'it.for([1, 2])("x %s", f)', ["x %s"]],
    ["each with a template", "it.each`a\n$" + '{1}`("x $a", f)', ["x $a"]],
    ["each that begins with a value", 'it.each([["x", "no"], ["y", "no"]])("%s: z", f)', ["x: z", "y: z"]],
    ["each that begins with a property", 'it.each([{ a: "x", b: "no" }])("$a: z", f)', ["x: z"]],
    ["each over a list", 'it.each(["x", ...["y"]])("%s", f)', ["x", "y"]],
    ["each over a constant", 'const t = ["x"] as const; describe.each(t)("%s", f)', ["x"]],
    ["a loop", 'for (const x of ["y", "z"]) it(x, f)', ["y", "z"]],
    ["a loop over objects", 'for (const x of [{ a: "y" }]) it(`$' + "{x.a}: z`, f)", ["y: z"]],
    ["a loop that takes apart", 'for (const [x] of [["y", "z"]]) it(x, f)', ["y"]],
    [
      "a loop that takes objects apart",
      'for (const { a: x, b } of [{ a: "y", b: "z" }]) it(b + x, f)',
      ["zy"],
    ],
    [
      "a value that cannot be known",
      'it.each(t())("%s: x", f); for (const y of t()) it(y, f)',
      ["…: x", "…"],
    ],
  ])("of %s", (_, text, expected) => {
    expect(running(text)).toEqual(expected);
  });

  it("nowhere else", () => {
    expect(
      names('/x/.test("a"); expect("b").toBe("c"); const r = /x/; r.test("d"); it("e", f)("g");'),
    ).toEqual(["e"]);
    expect(names('// it("a", f)\nconst text = `it("b", f)`;')).toEqual([]);
  });

  it("in a file that defines a constant by itself", () => {
    expect(names('const a = a.b; a("x", f); it(a, f);')).toEqual(["…"]);
  });
});

describe("a name shows nothing", () => {
  it.each([
    ["skipped", 'it.skip("x", f); describe.skip("y", f)'],
    ["skipped, with a table", 'it.skip.each([1])("x", f)'],
    ["still to do", 'it.todo("x"); it("y")'],
    ["expected to fail", 'it.fails("x", f)'],
    ["skipped by an option", 'it("x", { skip: true }, f)'],
    ["inside of a skipped suite", 'describe.skip("x", () => { describe("y", () => { it("z", f); }); })'],
    ["of a suite whose tests are all skipped", 'describe("x", () => { it.skip("y", f); it.todo("z"); })'],
  ])("when %s", (_, text) => {
    expect(names(text).length).toBeGreaterThan(0);
    expect(running(text)).toEqual([]);
  });

  it("unless another test of the suite runs", () => {
    expect(running('describe("x", () => { it.skip("y", f); it("z", f); })')).toEqual(["x", "z"]);
  });
});
