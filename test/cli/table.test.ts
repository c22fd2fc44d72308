import { describe, expect, it } from "vitest";
import { formatTable } from "../../src/cli/table.ts";

describe("a table", () => {
  it("lines up all columns but the last", () => {
    const rows = [
      ["git_branch", "main"],
      ["git_commit_message", "a long text"],
    ];
    expect(formatTable(["KEY", "VALUE"], rows)).toBe(
      "KEY                 VALUE\ngit_branch          main\ngit_commit_message  a long text\n",
    );
  });

  it("has a line for each row, whatever stands in it, and no blanks at the end of a line", () => {
    expect(
      formatTable(
        ["A", "B"],
        [
          ["x\ny", "1\t2\n"],
          ["", ""],
        ],
      ),
    ).toBe("A     B\nx\\ny  1 2\\n\n\n");
  });

  it("may be empty", () => {
    expect(formatTable(["A", "B"], [])).toBe("A  B\n");
  });
});
