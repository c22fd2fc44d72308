import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Question, withoutQuestion, withQuestion } from "../../src/hooks/questions.ts";

const MAIN = "";
const asked = (...questions: readonly Question[]): string | undefined =>
  questions.reduce<string | undefined>(withQuestion, undefined);

describe("an answer", () => {
  const bash = { helper: "a1", subject: "Bash" };
  const own = { helper: MAIN, subject: "Bash" };

  it("closes its own question, asked once or twice, and no other", () => {
    const open = asked(bash, own, bash, { helper: "a11", subject: "Bash" });
    expect(withoutQuestion(open, bash)).toBe(asked(own, { helper: "a11", subject: "Bash" }));
    expect(withoutQuestion(open, { ...bash, subject: "Read" })).toBe(open);
    expect(withoutQuestion(asked(bash), bash)).toBeUndefined();
    expect(withoutQuestion(undefined, bash)).toBeUndefined();
  });

  it("is that a helper goes on, for all that it has asked; that the agent does, for everything", () => {
    const open = asked(bash, { helper: "a1", subject: "Edit" }, { helper: "a11", subject: "Edit" }, own);
    expect(withoutQuestion(open, { helper: "a1" })).toBe(asked({ helper: "a11", subject: "Edit" }, own));
    expect(withoutQuestion(open, { helper: MAIN })).toBeUndefined();
  });
});

describe("questions", () => {
  it("S25: of any names are short and few, and each is closed by its answer", () => {
    const question = fc.record({
      helper: fc.string({ maxLength: 200 }),
      subject: fc.string({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(fc.array(question, { maxLength: 40 }), question, (before, last) => {
        const open = asked(...before, last);
        expect(open?.length).toBeLessThan(3_000);
        const left = withoutQuestion(open, last);
        expect(withoutQuestion(left, last)).toBe(left);
        expect(withQuestion(left, last).split(" ")).toHaveLength((left?.split(" ").length ?? 0) + 1);
      }),
    );
  });
});
