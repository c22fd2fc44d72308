// What the GitHub room asks of GitHub's REST interface: conditional reads that never exceed the budget.

import type { RestEndpointMethodTypes } from "@octokit/rest";
import type { Problem } from "../collector.ts";
import type { RateLimit } from "../remote-collector.ts";

type Endpoints = RestEndpointMethodTypes;

/** The only requests that are made. All are GET. */
export interface Requests {
  "GET /repos/{owner}/{repo}": Endpoints["repos"]["get"];
  "GET /repos/{owner}/{repo}/pulls": Endpoints["pulls"]["list"];
  "GET /repos/{owner}/{repo}/pulls/{pull_number}": Endpoints["pulls"]["get"];
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews": Endpoints["pulls"]["listReviews"];
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": Endpoints["checks"]["listForRef"];
  "GET /repos/{owner}/{repo}/commits/{ref}/status": Endpoints["repos"]["getCombinedStatusForRef"];
}

export type Route = keyof Requests;
export type Parameters<R extends Route> = Requests[R]["parameters"];
export type Body<R extends Route> = Requests[R]["response"]["data"];

/** What GitHub answered. */
export interface Answer<Data> {
  /** One element a page, in order; a request that has no pages has one. The same object as before when `isUnchanged`. */
  readonly pages: readonly Data[];
  /** GitHub said that nothing has changed since it was last asked the same. */
  readonly isUnchanged: boolean;
  /** False when there were more pages than may be read. */
  readonly isComplete: boolean;
}

/** GitHub's REST interface behind the gate that keeps the budget. */
export interface GitHubApi {
  /**
   * Asks once, in turn with all others, conditionally where the same was asked before, and follows pages and moved repositories on
   * the same host. Ends within 10 s, one retry included.
   *
   * @throws {CollectError} RATE_LIMITED, UNAUTHENTICATED, SSO_REQUIRED, FORBIDDEN, NOT_FOUND_OR_NO_ACCESS, UNREACHABLE,
   * TIMEOUT, BAD_ANSWER; with the reason of `signal` when that is aborted.
   */
  get<R extends Route>(route: R, parameters: Parameters<R>, signal: AbortSignal): Promise<Answer<Body<R>>>;
  /** As last seen. Undefined before the first answer that told. */
  readonly rateLimit: RateLimit | undefined;
  /**
   * No request is made before this moment of the monotonic clock, in milliseconds; infinite while GitHub refuses the token.
   * Undefined: one may be made now.
   */
  readonly blockedUntilMs: number | undefined;
  /** Why no request is made before that. Undefined: one may be made now. */
  readonly obstacle: Problem | undefined;
  /**
   * At least this long from the last answer to the next round of questions, in milliseconds, so that what is left of the budget
   * lasts until it is renewed. Follows from what the last rounds have cost: 0 while there is plenty, and when nothing had
   * changed; but up to 30 s while others with the same token are in a hurry.
   */
  readonly paceMs: number;
  /** Calls `changed` when a block was lifted other than by time (another token), until `signal` is aborted. */
  watch(changed: () => void, signal: AbortSignal): void;
}
