// Does GitHub answer, is the token accepted, what may it do, is the repository visible, and how much of the budget is left?

import { CollectError } from "../../collectors/collector.ts";
import {
  type Inspection,
  inspectGitHub,
  type Lookup,
  type TokenInfo,
} from "../../collectors/github/index.ts";
import { gitHubOptions } from "../../sources.ts";
import { type Check, type Finding, inWords, ok, problem, warning } from "./check.ts";
import { nameOf, type Subject } from "./subject.ts";

/** Either question may be asked twice, and ends within 10 s by itself. In milliseconds. */
const DEADLINE_MS = 12_000;

/** What to do about what GitHub says, by its reason. */
const ADVICE: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: "make a new token, or take this one away: public repositories can be read without",
  UNREACHABLE:
    "look at the network, at HTTPS_PROXY, and at what GITHUB_API_URL, GITHUB_SERVER_URL or GH_HOST name",
  TIMEOUT: "look at the network and at HTTPS_PROXY",
  RATE_LIMITED: "wait, or give a token of its own: what others spend with the same token counts",
  SSO_REQUIRED: "authorize the token for the organization at that address",
  FORBIDDEN: "give the token the permission that is named",
  BAD_ANSWER: "something else answers in GitHub's place: a proxy or a login page; look at HTTPS_PROXY",
};

const PERMISSIONS = "Metadata, Pull requests and Commit statuses: read";

export function gitHubCheck(subject: Subject): Check {
  return {
    name: "github",
    deadlineMs: DEADLINE_MS,
    run: async (signal) => {
      const { config, env, version: serverVersion, onSecret } = subject;
      const inspection = inspectGitHub(gitHubOptions(config, { env, serverVersion, onSecret }));
      const question = await questionOf(subject, inspection);
      let said = `${config.github.host}, ${tokenPlace(subject)}; ${question.words}`;
      let tokenInfo: TokenInfo | undefined;
      try {
        tokenInfo = await inspection.askTokenInfo(signal);
        said = `${said}; GitHub answers${wordsOf(tokenInfo)}`;
        if (question.lookup === undefined) {
          return ok(said);
        }
        const { name, isPrivate } = await inspection.see(question.lookup, signal);
        return judge(tokenInfo, `${said}; ${name} (${isPrivate ? "private" : "public"}) can be read`);
      } catch (error) {
        signal.throwIfAborted();
        const finding = explain(error, said, tokenInfo);
        // Nobody misses what nobody asks for.
        return question.lookup === undefined ? { ...finding, level: "warning" } : finding;
      }
    },
  };
}

/** What would be asked of GitHub for this workspace. */
async function questionOf(
  { survey }: Subject,
  inspection: Inspection,
): Promise<{ readonly words: string; readonly lookup?: Lookup }> {
  const collected = await survey.collected.catch(() => undefined);
  const checkout = collected?.outcome === "data" ? collected.checkout : undefined;
  if (checkout === undefined) {
    return { words: "there is no repository to look up" };
  }
  const lookup = await inspection.lookup(checkout);
  return lookup.outcome === "lookup"
    ? { words: lookup.description, lookup }
    : { words: `nothing to look up: ${inWords(lookup)}` };
}

/** Which token counts. A name behind a comma is not taken for a token that has to be hidden. */
function tokenPlace(subject: Subject): string {
  const { token, tokenFile } = subject.config.github;
  if (tokenFile !== undefined) {
    const others = token === undefined ? "" : `, which outranks ${nameOf(subject, "githubToken")}`;
    return `token in ${tokenFile}, named by ${nameOf(subject, "githubTokenFile")}${others}`;
  }
  return token === undefined ? "no token" : `token from ${nameOf(subject, "githubToken")}`;
}

function wordsOf({ kind, scopes, rateLimit }: TokenInfo): string {
  const may =
    kind === "none"
      ? ""
      : scopes === undefined
        ? ", the token has permissions and no scopes, and GitHub does not list them"
        : `, scopes of the token: ${scopes.join(", ") || "none"}`;
  const left = rateLimit && `, ${rateLimit.remaining} of ${rateLimit.limit} requests are left this hour`;
  return `${may}${left ?? ""}`;
}

function judge({ kind, rateLimit }: TokenInfo, found: string): Finding {
  if (kind === "none") {
    return warning(
      `${found}; without a token only public repositories can be read, and seldom`,
      "set GITHUB_TOKEN or --github-token-file",
    );
  }
  return rateLimit !== undefined && rateLimit.remaining * 10 < rateLimit.limit
    ? warning(`${found}; little is left`, ADVICE["RATE_LIMITED"])
    : ok(found);
}

function explain(error: unknown, before: string, tokenInfo?: TokenInfo): Finding {
  if (!(error instanceof CollectError)) {
    throw error;
  }
  const { reason } = error;
  const found = `${before}; ${inWords(error)}`;
  if (reason === "RATE_LIMITED") {
    return warning(found, ADVICE[reason]);
  }
  return problem(found, reason === "NOT_FOUND_OR_NO_ACCESS" ? accessAdvice(tokenInfo) : ADVICE[reason]);
}

function accessAdvice(tokenInfo: TokenInfo | undefined): string {
  if (tokenInfo === undefined || tokenInfo.kind === "none") {
    return "if it is private, set GITHUB_TOKEN or --github-token-file; else look at the remote's address";
  }
  return tokenInfo.scopes === undefined
    ? `give the token access to it (${PERMISSIONS}), or look at the remote's address`
    : "give the token the scope repo, which private repositories need, or look at the remote's address";
}
