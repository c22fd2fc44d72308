import { expect, test } from "vitest";
import type { Review } from "../../../src/collectors/github/bodies.ts";
import { reviewStatus } from "../../../src/collectors/github/reviews.ts";
import { ReviewStatus } from "../../../src/gen/fleet/metadata/v1/github_pb.ts";

const { APPROVED, CHANGES_REQUESTED, NONE, REVIEW_REQUIRED } = ReviewStatus;

const AUTHOR = { id: 1, login: "author" };
const PULL = { user: AUTHOR, requested_reviewers: [], requested_teams: [] };

/** Reviews in the order of their submission, a minute apart. */
function reviews(...said: readonly (readonly [user: string | null, state: string])[]): Review[] {
  const logins = ["", "author", "ann", "ben"];
  return said.map(([login, state], minute) => ({
    user: login === null ? null : { id: logins.indexOf(login), login },
    state,
    submitted_at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
  }));
}

test.each<[what: string, said: Review[], expected: ReviewStatus]>([
  ["no reviews", [], NONE],
  ["an approval", reviews(["ann", "APPROVED"]), APPROVED],
  ["changes requested", reviews(["ann", "CHANGES_REQUESTED"]), CHANGES_REQUESTED],
  [
    "approved by one, not by the other",
    reviews(["ann", "CHANGES_REQUESTED"], ["ben", "APPROVED"]),
    CHANGES_REQUESTED,
  ],
  [
    "changes requested, then approved by the same",
    reviews(["ann", "CHANGES_REQUESTED"], ["ann", "APPROVED"]),
    APPROVED,
  ],
  [
    "approved, then changes requested by the same",
    reviews(["ann", "APPROVED"], ["ann", "CHANGES_REQUESTED"]),
    CHANGES_REQUESTED,
  ],
  ["a comment after an approval", reviews(["ann", "APPROVED"], ["ann", "COMMENTED"]), APPROVED],
  [
    "a comment after changes requested",
    reviews(["ann", "CHANGES_REQUESTED"], ["ann", "COMMENTED"]),
    CHANGES_REQUESTED,
  ],
  ["a comment alone", reviews(["ann", "COMMENTED"]), NONE],
  ["a dismissed review", reviews(["ann", "DISMISSED"]), NONE],
  ["an approval, then a dismissed review", reviews(["ann", "APPROVED"], ["ann", "DISMISSED"]), NONE],
  ["dismissed by one, approved by the other", reviews(["ann", "DISMISSED"], ["ben", "APPROVED"]), APPROVED],
  ["a pending review after an approval", reviews(["ann", "APPROVED"], ["ann", "PENDING"]), APPROVED],
  ["a word that is not known", reviews(["ann", "APPROVED"], ["ann", "PONDERED"]), APPROVED],
  ["the author's own", reviews(["author", "APPROVED"], ["author", "CHANGES_REQUESTED"]), NONE],
  ["those of deleted accounts", reviews([null, "APPROVED"], [null, "CHANGES_REQUESTED"]), NONE],
])("P10: %s", (_, said, expected) => {
  expect(reviewStatus(said, PULL)).toBe(expected);
});

test("P10: who is asked for a review and has not decided makes it required", () => {
  const asked = { ...PULL, requested_reviewers: [{ login: "ann" }] };
  expect(reviewStatus([], asked)).toBe(REVIEW_REQUIRED);
  expect(reviewStatus([], { ...PULL, requested_teams: [{ slug: "core" }] })).toBe(REVIEW_REQUIRED);
  expect(reviewStatus(reviews(["ann", "COMMENTED"]), asked)).toBe(REVIEW_REQUIRED);
  expect(reviewStatus(reviews(["ann", "DISMISSED"]), asked)).toBe(REVIEW_REQUIRED);
  expect(reviewStatus(reviews(["ben", "APPROVED"]), asked)).toBe(APPROVED);
  expect(reviewStatus(reviews(["ann", "CHANGES_REQUESTED"]), asked)).toBe(CHANGES_REQUESTED);
});

test("P10: the last review counts, in whatever order they are listed", () => {
  const said = reviews(["ann", "CHANGES_REQUESTED"], ["ann", "APPROVED"]);
  expect(reviewStatus(said.toReversed(), PULL)).toBe(APPROVED);
});

test("P10: a pull request whose author's account was deleted", () => {
  const { requested_reviewers, requested_teams } = PULL;
  const pull = { user: null, requested_reviewers, requested_teams };
  expect(reviewStatus(reviews(["ann", "APPROVED"]), pull)).toBe(APPROVED);
});
