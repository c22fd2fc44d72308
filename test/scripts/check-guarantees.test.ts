import { describe, expect, it } from "vitest";
import { check, generatedLine, guaranteesIn, parseGuarantees } from "../../scripts/check-guarantees.ts";

/** A page with the given guarantees, and with the generated line for those that no test shows. */
function page(ids: readonly string[], missing: readonly string[] = ids): string {
  const items = ids.map((id) => `- **${id}** Title. Text\n  that goes on.`);
  return [...items, "", "<!-- not shown yet, G: begin -->", generatedLine(missing), "<!-- end -->", ""].join(
    "\n",
  );
}

const testFile = (text: string) => [{ path: "test/a.test.ts", text }];

describe("the guarantees of the page", () => {
  it("are parsed by part", () => {
    expect(parseGuarantees("- **G1** A. a\n- **G2** B. b\n\n- **S1** C. c\n")).toEqual({
      parts: [
        { letter: "G", numbers: [1, 2] },
        { letter: "S", numbers: [1] },
      ],
      findings: [],
    });
  });

  it("have no gaps", () => {
    expect(parseGuarantees("- **G2** B. b\n- **G5** E. e\n").findings).toEqual([
      "docs/guarantees.md: G1 is missing, but there is a G2",
      "docs/guarantees.md: G3 is missing, but there is a G5",
      "docs/guarantees.md: G4 is missing, but there is a G5",
    ]);
  });

  it("have no number twice", () => {
    expect(parseGuarantees("- **G1** A. a\n- **G1** B. b\n").findings).toEqual([
      "docs/guarantees.md:2: G1 stands here a second time",
    ]);
  });

  it("are not overlooked when written in another form", () => {
    const wrong = 'write a guarantee as "- **G1** Title. Text"';
    expect(parseGuarantees("- **G1** A. a\n- **G2.** B. b\n* G3 C. c\n- **G04** D. d").findings).toEqual([
      `docs/guarantees.md:2: ${wrong}`,
      `docs/guarantees.md:3: ${wrong}`,
      `docs/guarantees.md:4: ${wrong}`,
    ]);
  });

  it("are not none", () => {
    expect(check("# Guarantees\n", []).findings).toEqual(["docs/guarantees.md: no guarantee found"]);
  });
});

describe("a test's name", () => {
  it.each([
    ["G16: no lock", ["G16"]],
    ["G16, S2: both", ["G16", "S2"]],
    ["no lock, see G16: here", []],
    ["H2: of another kind", []],
    ["G1a: not a number", []],
    ["G16 no colon", undefined],
    ["G16 and S2: no comma", undefined],
  ])("is read: %s", (name, expected) => {
    expect(guaranteesIn(name, ["G", "S"])).toEqual(expected);
  });
});

describe("the comparison", () => {
  it("has nothing to say about a page that is current", () => {
    const report = check(page(["G1", "G2"], ["G2"]), testFile('it("G1: x", () => {});'));
    expect(report).toEqual({
      summary: ["G: 1 of 2 shown by a test; without: G2"],
      findings: [],
      stale: [],
      document: page(["G1", "G2"], ["G2"]),
    });
  });

  it("says when all are shown", () => {
    const report = check(page(["G1", "G2"], []), testFile('it("G1, G2: x", () => {});'));
    expect(report.summary).toEqual(["G: 2 of 2 shown by a test"]);
    expect(report.stale).toEqual([]);
  });

  it("finds a number that is not on the page, in a skipped test too", () => {
    const report = check(page(["G1"]), testFile('it("x", f);\nit.skip("G7, G1: x", f);'));
    expect(report.findings).toEqual(['test/a.test.ts:2: "G7, G1: x": there is no guarantee G7']);
  });

  it("finds a number in the wrong form", () => {
    expect(check(page(["G1"]), testFile('it("G1 x", f);')).findings).toEqual([
      'test/a.test.ts:1: "G1 x": write the numbers as "G1: ..." or "G1, G2: ..."',
    ]);
  });

  it("finds the line stale once the last test of a guarantee is gone, and once there is a first one", () => {
    const stale = [
      "docs/guarantees.md: the last line of part G is not current: run node scripts/check-guarantees.ts --write",
    ];
    const gone = check(page(["G1", "G2"], ["G2"]), testFile('it("G3x", f);'));
    expect(gone).toMatchObject({ stale, findings: [], document: page(["G1", "G2"]) });
    const added = check(page(["G1", "G2"]), testFile('it("G2: x", f);'));
    expect(added).toMatchObject({ stale, findings: [], document: page(["G1", "G2"], ["G1"]) });
  });

  it("finds a line stale that somebody has edited, and restores nothing but that", () => {
    const edited = page(["G1"]).replace("No test yet shows G1.", "All is well.\nReally.");
    const report = check(edited, []);
    expect(report.stale).toHaveLength(1);
    expect(report.document).toBe(page(["G1"]));
  });

  it("needs the marked place of every part, once", () => {
    const wrong =
      'docs/guarantees.md: "<!-- not shown yet, G: begin -->" with its "<!-- end -->" must stand there exactly once';
    expect(check("- **G1** A. a\n", []).findings).toEqual([wrong]);
    expect(check(page(["G1"]).replace("<!-- end -->", ""), []).findings).toEqual([wrong]);
    expect(check(`${page(["G1"])}\n${page([])}`, []).findings).toEqual([wrong]);
  });

  it("counts a skipped test as none", () => {
    const report = check(page(["G1", "G2"]), testFile('it.skip("G1: x", f);\nit.todo("G2: y");'));
    expect(report).toMatchObject({
      summary: ["G: 0 of 2 shown by a test; without: G1, G2"],
      findings: [],
      stale: [],
    });
  });
});
