// From what has been found to what is told of a checkout. Pure.

import { PullRequestMergeable, ReviewStatus } from "../../gen/fleet/metadata/v1/github_pb.ts";
import type { Collected, Problem } from "../collector.ts";
import type { Pull } from "./bodies.ts";
import { addTallies } from "./checks.ts";
import type { Choice } from "./choose.ts";
import type { Found } from "./inquiry.ts";
import { type Parts, partsOf } from "./parts.ts";
import { toMetadata } from "./tree.ts";

/**
 * What is told when this was found.
 *
 * @param choice - Settled: nothing is left to ask the local repository.
 * @param localHead - Full hash of HEAD.
 * @param about - What was asked for, for a person.
 */
export function tell(found: Found, choice: Choice<Pull>, localHead: string, about: string): Collected {
  const { pull, count } = choice;
  if (pull === undefined) return tellNone(found, choice, about);
  const parts = partsOf(pull, found.parts);
  const { mergeability, details, reviews } = parts;
  const checks = checksOf(parts);
  const problems = problemsOf(found, parts);
  return {
    outcome: "data",
    metadata: {
      github: toMetadata({
        pull,
        count,
        localHead,
        ...(details?.value && { details: details.value }),
        mergeable: mergeability?.value ?? PullRequestMergeable.UNSPECIFIED,
        ...(checks && { checks }),
        ...(reviews?.value && { review: reviews.value }),
      }),
    },
    ...warningOf(problems),
  };
}

/** Nothing was found; whether there is nothing is another question. */
function tellNone(
  { target, isComplete }: Found,
  { undecided, count }: Choice<Pull>,
  about: string,
): Collected {
  const [base] = target.bases;
  const repo = { name: `${base.owner}/${base.name}` };
  const problems: Problem[] = [];
  if (undecided.length > 0) {
    const numbers = undecided.map(({ number }) => `#${number}`).join(", ");
    const message = `Whether ${numbers} belongs to this branch cannot be told: the local history is cut off.`;
    problems.push({ reason: "HISTORY_CUT_OFF", message });
  }
  if (target.unseen.length > 0) {
    const names = target.unseen.map(({ owner, name }) => `${owner}/${name}`).join(", ");
    problems.push({
      reason: "NOT_FOUND_OR_NO_ACCESS",
      message: `${names} does not exist or may not be seen, and may have a pull request of this branch.`,
    });
  }
  if (!isComplete) problems.push(INCOMPLETE);
  if (problems.length > 0) return { outcome: "data", metadata: { github: { repo } }, ...warningOf(problems) };
  const old = count > 0 ? `: ${count} closed or merged, of other commits` : "";
  return { outcome: "no_data", reason: "NO_PULL_REQUEST", message: `None of the ${about}${old}.` };
}

const INCOMPLETE: Problem = {
  reason: "INCOMPLETE",
  message: "There are more pull requests of this branch than are read.",
};

function problemsOf({ isComplete }: Found, { details, reviews, runs, statuses }: Parts): readonly Problem[] {
  const problems = [details, reviews, runs, statuses].flatMap((part) => part?.problem ?? []);
  const isTooMany = [runs, statuses].some((part) => part?.value?.isComplete === false && !part.problem);
  const isWithoutVerdict = reviews?.value === ReviewStatus.UNSPECIFIED && !reviews.problem;
  return [
    ...problems,
    ...(isWithoutVerdict ? [{ reason: "INCOMPLETE", message: "There are more reviews than are read." }] : []),
    ...(isTooMany ? [{ reason: "INCOMPLETE", message: "There are more checks than are read." }] : []),
    ...(isComplete ? [] : [INCOMPLETE]),
  ];
}

/** What both kinds say; one alone would be half the truth. */
function checksOf({ runs, statuses }: Parts) {
  return runs?.value && statuses?.value && addTallies(runs.value, statuses.value);
}

function warningOf(problems: readonly Problem[]): { readonly warning?: Problem } {
  const [first] = problems;
  if (first === undefined) return {};
  return { warning: { reason: first.reason, message: problems.map(({ message }) => message).join("; ") } };
}
