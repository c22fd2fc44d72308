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

  it("S23: has no control characters, escapes or bidirectional overrides in it", () => {
    expect(formatTable(["A"], [["\u001b]0;title\u0007\u001b[31mred\u001b[0m\u009b2J\r\u202ex"]])).toBe(
      "A\nredx\n",
    );
  });

  it("may be empty", () => {
    expect(formatTable(["A", "B"], [])).toBe("A  B\n");
  });
});
