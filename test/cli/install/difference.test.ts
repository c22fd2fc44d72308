import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differenceOf } from "../../../src/cli/install/difference.ts";

describe("a difference", () => {
  it("shows what goes and what comes, with the lines around it", () => {
    const before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    const after = "0\n1\n2\n3\n4\n5\n6\nseven\n8\n9\n";
    expect(differenceOf(before, after)).toBe("+0\n 1\n 2\n...\n 5\n 6\n-7\n+seven\n 8\n 9\n");
  });

  it("of equal texts is nothing, of a new file all of it", () => {
    expect(differenceOf("a\nb\n", "a\nb\n")).toBe("");
    expect(differenceOf("", "a\nb\n")).toBe("+a\n+b\n");
    expect(differenceOf("a\n", "")).toBe("-a\n");
  });

  it("holds every line that is new and every line that is gone", () => {
    const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const shown = differenceOf(before.join("\n"), after.join("\n")).split("\n");
        const count = (sign: string): number => shown.filter((line) => line.startsWith(sign)).length;
        fc.pre(before.join("") !== "" || after.join("") !== "");
        expect(count("+") - count("-")).toBe(after.length - before.length);
      }),
    );
  });
});
