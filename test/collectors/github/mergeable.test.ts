import { expect, test } from "vitest";
import {
  isBeingComputed,
  type Mergeability,
  nextMergeability,
} from "../../../src/collectors/github/mergeable.ts";
import { PullRequestMergeable } from "../../../src/gen/fleet/metadata/v1/github_pb.ts";

const { CONFLICTING, MERGEABLE, UNKNOWN } = PullRequestMergeable;

function afterAnswers(answers: readonly unknown[], isOpen = true): Mergeability | undefined {
  let known: Mergeability | undefined;
  for (const answer of answers) known = nextMergeability(known, answer, isOpen);
  return known;
}

test.each<[answers: readonly unknown[], value: PullRequestMergeable, isAskedSoon: boolean]>([
  [[true], MERGEABLE, false],
  [[false], CONFLICTING, false],
  [[null], UNKNOWN, true],
  [[undefined], UNKNOWN, true],
  [[true, null], MERGEABLE, true],
  [[false, null, null], CONFLICTING, true],
  [[true, null, false], CONFLICTING, false],
  [[true, null, null, null, null, null, null], UNKNOWN, false],
  [[null, null, null, null, null, null, null, null, true, null], MERGEABLE, true],
])("P11: the answers %j", (answers, value, isAskedSoon) => {
  const known = afterAnswers(answers);
  expect(known?.value).toBe(value);
  expect(known && isBeingComputed(known)).toBe(isAskedSoon);
});

test("P11: of a closed pull request nothing is kept", () => {
  expect(nextMergeability(afterAnswers([true]), null, false).value).toBe(UNKNOWN);
});
