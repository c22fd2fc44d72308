// One look at GitHub as the collector would see it: does it answer, what does the token allow, is the repository visible. Two
// requests, through the same gate and transport; the first one costs nothing of the budget, the second one a point.

import type { Checkout } from "../checkout.ts";
import { systemClock, systemTimers } from "../clock.ts";
import { CollectError } from "../collector.ts";
import type { RateLimit } from "../remote-collector.ts";
import { createBudget } from "./budget.ts";
import type { GitHubOptions } from "./create-github.ts";
import { createCredentials } from "./credentials.ts";
import { createGate } from "./gate.ts";
import { createReadPage } from "./read-page.ts";
import { type Asked, refusal } from "./refusals.ts";
import { fullName, type Repository } from "./remote-url.ts";
import { type Lookup, type NoLookup, resolve } from "./resolve.ts";
import { createRetryPolicy, type RetryPolicy } from "./retry-policy.ts";
import { readHostAliases } from "./ssh-files.ts";
import type { RepositoryAnswer } from "./target.ts";
import { createTokenSource } from "./token.ts";
import { createTransport, type Reply } from "./transport.ts";

/** What GitHub says of whoever asks. */
export interface TokenInfo {
  /** The kind of token, by its first letters. `none`: there is none. */
  readonly kind: TokenKind;
  /** What a classic token may do. Absent: GitHub names no scopes, as of tokens that have permissions instead. */
  readonly scopes?: readonly string[];
  /** Absent where GitHub tells none: on servers without limits. */
  readonly rateLimit?: RateLimit;
}

export type TokenKind = "none" | "classic" | "fine-grained" | "app" | "unknown";

/** A repository that pull requests would be looked up in. */
export interface SeenRepository {
  /** As it is called today. */
  readonly name: string;
  readonly isPrivate: boolean;
}

export interface Inspection {
  /** What would be asked for a checkout, if anything. Asks nothing. */
  lookup(checkout: Checkout): Promise<Lookup | NoLookup>;
  /** @throws {CollectError} as the collector does: UNREACHABLE, UNAUTHENTICATED, TIMEOUT, RATE_LIMITED, ... */
  askTokenInfo(signal: AbortSignal): Promise<TokenInfo>;
  /**
   * The first of the repositories in question that can be seen. To be called after {@link askTokenInfo}. Asks nothing while the
   * budget is used up.
   *
   * @throws {CollectError} as above; NOT_FOUND_OR_NO_ACCESS when none can be seen.
   */
  see(lookup: Lookup, signal: AbortSignal): Promise<SeenRepository>;
}

const PREFIXES: readonly (readonly [prefix: string, kind: TokenKind])[] = [
  ["github_pat_", "fine-grained"],
  ["ghp_", "classic"],
  ["gho_", "classic"],
  ["ghu_", "app"],
  ["ghs_", "app"],
];

/** Asks nothing before it is told to. */
export function inspectGitHub(options: Omit<GitHubOptions, "onRequest" | "time">): Inspection {
  const { apiUrl, host, home, token, tokenFile, proxy, userAgent, onToken } = options;
  const budget = createBudget({ clock: systemClock, random: Math.random });
  const source = createTokenSource({
    ...(token && { token }),
    ...(tokenFile && { file: tokenFile }),
    ...(onToken && { onToken }),
  });
  const credentials = createCredentials({ source, timers: systemTimers, replaced: budget.forget });
  const transport = createTransport({ ...(proxy && { proxy }) });
  const base = new URL(apiUrl);
  const gate = createGate({
    apiUrl: base,
    credentials,
    budget,
    transport,
    clock: systemClock,
    onRequest: () => undefined,
  });
  const readPage = createReadPage({ gate, clock: systemClock });
  const headers = { accept: "application/vnd.github+json", "user-agent": userAgent };

  const withPolicy = async <T>(signal: AbortSignal, ask: (policy: RetryPolicy) => Promise<T>): Promise<T> => {
    const policy = createRetryPolicy(signal, { timers: systemTimers, random: Math.random });
    try {
      return await ask(policy);
    } finally {
      policy.end();
    }
  };

  const seeOne = async ({ owner, name }: Repository, policy: RetryPolicy): Promise<SeenRepository> => {
    const url = new URL(`${apiUrl}/repos/${owner}/${name}`);
    const { body } = await readPage("GET /repos/{owner}/{repo}", url, headers, policy);
    // readPage has looked at its shape.
    const found = body as RepositoryAnswer & { readonly private?: boolean };
    return { name: found.full_name, isPrivate: found.private === true };
  };

  return {
    askTokenInfo: async (signal) => {
      await credentials.read();
      const url = new URL(`${apiUrl}/rate_limit`);
      const reply = await withPolicy(signal, (policy) => gate.send("GET /rate_limit", url, headers, policy));
      throwIfForeign(reply, gate.asked(url));
      const scopes = reply.headers["x-oauth-scopes"];
      const { rateLimit } = budget;
      return {
        kind: kindOf(credentials.token),
        ...(scopes !== undefined && { scopes: scopes.split(",").flatMap((scope) => scope.trim() || []) }),
        ...(rateLimit && { rateLimit }),
      };
    },
    lookup: async (checkout) => resolve(checkout, { host, hostOfAlias: await readHostAliases(home) }),
    see: async ({ bases }, signal) =>
      await withPolicy(signal, async (policy) => {
        for (const repository of bases) {
          try {
            return await seeOne(repository, policy);
          } catch (error) {
            if (!(error instanceof CollectError) || error.reason !== "NOT_FOUND_OR_NO_ACCESS") {
              throw error;
            }
          }
        }
        const names = bases.map(fullName).join(", ");
        const message = `GitHub has no ${names}, or does not show it to this token`;
        throw new CollectError("NOT_FOUND_OR_NO_ACCESS", message);
      }),
  };
}

/** A page of a proxy is no answer of GitHub's. Where there are no limits, GitHub says so with 404. */
function throwIfForeign(reply: Reply, asked: Asked): void {
  const field = reply.status === 404 ? "message" : "resources";
  if (reply.status !== 200 && reply.status !== 404) {
    throw refusal(reply, asked);
  }
  try {
    if (field in (JSON.parse(reply.body) as object)) {
      return;
    }
  } catch {
    // It is not JSON, or no object.
  }
  throw new CollectError("BAD_ANSWER", `the answer to ${asked.path} is not one of GitHub's`);
}

function kindOf(token: string | undefined): TokenKind {
  if (token === undefined) {
    return "none";
  }
  return PREFIXES.find(([prefix]) => token.startsWith(prefix))?.[1] ?? "unknown";
}
