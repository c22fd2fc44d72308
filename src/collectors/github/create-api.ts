// GitHub's REST interface behind the gate that keeps the budget. Touches the network, and the token's file.

import type { Octokit } from "@octokit/rest";
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";
import type { Answer, Body, GitHubApi, Parameters, Route } from "./api.ts";
import { createBudget } from "./budget.ts";
import { createCredentials } from "./credentials.ts";
import { type AnsweredRequest, createGate, type OnSend } from "./gate.ts";
import { createReadPage, PER_PAGE } from "./read-page.ts";
import { createRetryPolicy, type RetryPolicy } from "./retry-policy.ts";
import { createSerialQueue } from "./serial-queue.ts";
import type { TokenSource } from "./token.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface GitHubApiOptions {
  /** Base address, `https://api.github.com` or `https://HOST/api/v3`. Requests never leave its origin. */
  readonly apiUrl: string;
  readonly token: TokenSource;
  /** Of this program, `name/version`. */
  readonly userAgent: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly timers?: Timers;
  /** From 0 to 1, without 1. Default: `Math.random`. */
  readonly random?: () => number;
  /** Default: HTTP. */
  readonly transport?: Transport;
  /** Is told of each request that was answered. */
  readonly onRequest?: (request: AnsweredRequest) => void;
  /** Default: nobody is told. */
  readonly onSend?: OnSend;
}

/** The gate, and what the program around it may tell it. */
export interface GatedGitHubApi extends GitHubApi {
  /**
   * Reads the token anew at once: for SIGHUP.
   *
   * @returns whether it is another one.
   * @throws {CollectError} UNAUTHENTICATED, when there is none where one should be.
   */
  reload(): Promise<boolean>;
}

/** A thousand check runs are as many as GitHub itself shows of a commit. */
const MAX_PAGES = 10;

/**
 * After so many bytes, unpacked, no further page of an answer is read: room for three pages of pull requests, or for ten of anything
 * else. A check may bring 128 KiB of text along, whoever wrote it, and as objects a page takes several times its length.
 */
const MAX_PAGES_BYTES = 8 * 1024 * 1024;

const PAGED: ReadonlySet<Route> = new Set<Route>([
  "GET /repos/{owner}/{repo}/pulls",
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
  "GET /repos/{owner}/{repo}/commits/{ref}/status",
]);

/** Makes the gate. No request is made, and octokit is not loaded, before the first question. */
export function createGitHubApi(options: GitHubApiOptions): GatedGitHubApi {
  const { clock = systemClock, timers = systemTimers, random = Math.random } = options;
  const { userAgent, transport = createTransport(), onRequest = () => undefined, onSend } = options;
  const apiUrl = new URL(options.apiUrl);
  const budget = createBudget({ clock, random });
  const credentials = createCredentials({ source: options.token, timers, replaced: budget.forget });
  const gate = createGate({ apiUrl, credentials, budget, transport, clock, onRequest, onSend });
  const readPage = createReadPage({ gate, clock });
  const queue = createSerialQueue();
  /** By the first page. */
  const pagesBefore = new WeakMap<object, readonly unknown[]>();
  let octokit: Promise<Octokit> | undefined;

  const loadOctokit = async (): Promise<Octokit> => {
    const { Octokit } = await import("@octokit/rest");
    return new Octokit({ baseUrl: apiUrl.href.replace(/\/$/, ""), userAgent });
  };

  const readPages = async (
    route: Route,
    parameters: object,
    policy: RetryPolicy,
  ): Promise<Answer<unknown>> => {
    await credentials.read();
    gate.throwIfClosed();
    octokit ??= loadOctokit();
    const { url, headers } = (await octokit).request.endpoint(route, {
      ...parameters,
      ...(PAGED.has(route) && { per_page: PER_PAGE }),
    });
    const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    const pages: unknown[] = [];
    let bytes = 0;
    let isUnchanged = true;
    let next: URL | undefined = new URL(url);
    while (next !== undefined && pages.length < MAX_PAGES && bytes < MAX_PAGES_BYTES) {
      const page = await readPage(route, next, texts, policy);
      pages.push(page.body);
      bytes += page.bytes;
      isUnchanged &&= page.isUnchanged;
      next = page.next;
    }
    return { pages: asBefore(pages), isUnchanged, isComplete: next === undefined };
  };

  /** The same array as the last time when it holds the same. */
  const asBefore = (pages: readonly unknown[]): readonly unknown[] => {
    const [first] = pages as readonly object[];
    const before = first && pagesBefore.get(first);
    if (before?.length === pages.length && before.every((page, index) => page === pages[index])) {
      return before;
    }
    if (first !== undefined) {
      pagesBefore.set(first, pages);
    }
    return pages;
  };

  return {
    get: async <R extends Route>(route: R, parameters: Parameters<R>, signal: AbortSignal) => {
      const policy = createRetryPolicy(signal, { timers, random });
      try {
        const answer = await queue.run(() => readPages(route, { ...parameters }, policy), policy.signal);
        // hasShape has looked at every page.
        return answer as Answer<Body<R>>;
      } finally {
        policy.end();
      }
    },
    get rateLimit() {
      return budget.rateLimit;
    },
    get blockedUntilMs() {
      return credentials.refusal === undefined ? budget.blockedUntilMs : Number.POSITIVE_INFINITY;
    },
    get obstacle() {
      return gate.obstacle;
    },
    get paceMs() {
      return budget.paceMs;
    },
    watch: credentials.watch,
    reload: async () => {
      const { token } = credentials;
      await credentials.read(true);
      return credentials.token !== token;
    },
  };
}
