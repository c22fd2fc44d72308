// What is read of GitHub's answers, checked: a body without it is a bad answer. Pure.

import * as z from "zod/mini";
import { CollectError } from "../collector.ts";
import type { Body } from "./api.ts";

const account = z.nullable(z.object({ id: z.number(), login: z.string() }));
const repository = z.object({ full_name: z.string(), default_branch: z.string() });
const requested = z.nullish(z.array(z.unknown()));
/** What the keys can hold. */
const count = z.int().check(z.gte(0), z.lte(0xffff_ffff));

const pull = z.object({
  number: count,
  state: z.string(),
  title: z.string(),
  html_url: z.string(),
  draft: z.nullish(z.boolean()),
  user: account,
  created_at: z.string(),
  updated_at: z.string(),
  merged_at: z.nullish(z.string()),
  requested_reviewers: requested,
  requested_teams: requested,
  head: z.object({ sha: z.string(), ref: z.string(), repo: z.nullable(repository) }),
  base: z.object({ ref: z.string(), repo: repository }),
});

const details = z.extend(pull, {
  mergeable: z.nullish(z.boolean()),
  mergeable_state: z.nullish(z.string()),
  additions: count,
  deletions: count,
  changed_files: count,
});

const review = z.object({ user: account, state: z.string(), submitted_at: z.nullish(z.string()) });

const checkRun = z.object({
  id: z.number(),
  name: z.string(),
  status: z.string(),
  conclusion: z.nullable(z.string()),
  completed_at: z.nullish(z.string()),
  app: z.nullish(z.object({ id: z.number() })),
});

const commitStatus = z.object({
  id: z.number(),
  context: z.string(),
  state: z.string(),
  updated_at: z.string(),
});

const repositoryAnswer = z.object({
  full_name: z.string(),
  fork: z.boolean(),
  parent: z.exactOptional(z.object({ full_name: z.string() })),
});

/** A pull request, as lists have it. Times are RFC 3339. */
export type Pull = Readonly<z.infer<typeof pull>>;
/** A pull request, as it is answered alone. */
export type PullDetails = Readonly<z.infer<typeof details>>;
export type Review = Readonly<z.infer<typeof review>>;
export type CheckRun = Readonly<z.infer<typeof checkRun>>;
export type CommitStatus = Readonly<z.infer<typeof commitStatus>>;

type Pulls = Body<"GET /repos/{owner}/{repo}/pulls">;
type Details = Body<"GET /repos/{owner}/{repo}/pulls/{pull_number}">;
type Reviews = Body<"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews">;
type Runs = Body<"GET /repos/{owner}/{repo}/commits/{ref}/check-runs">;
type Statuses = Body<"GET /repos/{owner}/{repo}/commits/{ref}/status">;

/** Each of these throws a CollectError BAD_ANSWER. */
export const readPulls = (pages: readonly Pulls[]) => parsed(z.array(z.array(pull)), pages).flat();
export const readDetails = (pages: readonly Details[]) => parsed(z.tuple([details]), pages)[0];
export const readReviews = (pages: readonly Reviews[]) => parsed(z.array(z.array(review)), pages).flat();
export const readRuns = (pages: readonly Runs[]) =>
  parsed(z.array(z.object({ check_runs: z.array(checkRun) })), pages).flatMap(({ check_runs }) => check_runs);
export const readStatuses = (pages: readonly Statuses[]) =>
  parsed(z.array(z.object({ statuses: z.array(commitStatus) })), pages).flatMap(({ statuses }) => statuses);
export const readRepository = (pages: readonly Body<"GET /repos/{owner}/{repo}">[]) =>
  parsed(z.tuple([repositoryAnswer]), pages)[0];

function parsed<Schema extends z.ZodMiniType>(schema: Schema, pages: unknown): z.infer<Schema> {
  const result = schema.safeParse(pages);
  if (result.success) return result.data;
  const place = result.error.issues[0]?.path.slice(1).join(".") ?? "";
  throw new CollectError("BAD_ANSWER", `GitHub's answer is not what it should be at "${place}"`, {
    cause: result.error,
  });
}
