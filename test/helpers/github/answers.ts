// What the stand-in answers, before it looks at validators: whether a request is allowed, and to whom what is visible.

import type { Bodies } from "./bodies.ts";
import type { Credential } from "./credentials.ts";
import { findRoute, NOT_FOUND, type Reply, type Route } from "./routes.ts";
import type { Repo } from "./world.ts";

/** What answers are made of. */
export interface Site {
  readonly apiUrl: string;
  readonly bodies: Bodies;
  /** By any of its names. */
  repoNamed(name: string): Repo | undefined;
  repoOf(id: number): Repo | undefined;
  /** Hears of what this project should never ask for. */
  onUnexpected(url: URL): void;
}

/** @param credential whose budget it is. Undefined: the token is not one that is known. */
export function answerTo(
  url: URL,
  token: string | undefined,
  credential: Credential | undefined,
  site: Site,
): Reply {
  if (credential === undefined || credential.isRevoked) {
    return { status: 401, body: { message: "Bad credentials", status: "401" } };
  }
  if (credential.exceedsSecondaryLimit()) {
    const message =
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    return { status: 403, headers: { "retry-after": "60" }, body: { message } };
  }
  if (url.pathname === "/rate_limit") {
    const { limit, remaining, resetMs } = credential;
    return { status: 200, body: { resources: { core: { limit, remaining, reset: resetMs / 1_000 } } } };
  }
  if (credential.remaining === 0) {
    const whose = token === undefined ? "127.0.0.1" : "user ID 1";
    return { status: 403, body: { message: `API rate limit exceeded for ${whose}.`, status: "403" } };
  }
  const [, byName, byId, path = ""] =
    /^\/(?:repos\/([^/]+\/[^/]+)|repositories\/(\d+))(?:\/(.*))?$/.exec(url.pathname) ?? [];
  const repo =
    byId === undefined ? site.repoNamed(decodeURIComponent(byName ?? "")) : site.repoOf(Number(byId));
  const route = findRoute(path);
  const known = [...(route?.query ?? []), "per_page", "page"];
  const isKnown = [...url.searchParams.keys()].every((name) => known.includes(name));
  if (repo === undefined || route === undefined || !isKnown) {
    site.onUnexpected(url);
    return NOT_FOUND;
  }
  const refusal = refusalOf(repo, token, credential);
  if (refusal !== undefined) {
    return refusal;
  }
  if (byName !== undefined && byName.toLowerCase() !== repo.name.toLowerCase()) {
    const location = `${site.apiUrl}/repositories/${repo.id}${path === "" ? "" : `/${path}`}${url.search}`;
    return { status: 301, headers: { location }, body: { message: "Moved Permanently", url: location } };
  }
  return lackOf(route, credential) ?? page(route.answer(repo, url.searchParams, site.bodies), url);
}

/** Why a repository is not shown at all. */
function refusalOf(repo: Repo, token: string | undefined, credential: Credential): Reply | undefined {
  const sees = token !== undefined && (credential.sees?.includes(repo.name) ?? true);
  if (repo.isPrivate && !sees) {
    return NOT_FOUND;
  }
  if (repo.ssoUrl !== undefined && token !== undefined) {
    const message = "Resource protected by organization SAML enforcement. You must grant your token access.";
    return {
      status: 403,
      headers: { "x-github-sso": `required; url=${repo.ssoUrl}` },
      body: { message },
    };
  }
  return undefined;
}

/** The permission that a token lacks for a route. */
function lackOf({ needs }: Route, { lacks }: Credential): Reply | undefined {
  return lacks.includes(needs)
    ? {
        status: 403,
        headers: { "x-accepted-github-permissions": `${needs}=read` },
        body: { message: "Resource not accessible by personal access token", status: "403" },
      }
    : undefined;
}

/** Cuts the page out of a long answer, and says where the others are. */
function page(answer: ReturnType<Route["answer"]>, url: URL): Reply {
  if ("status" in answer) {
    return answer;
  }
  const perPage = Math.min(100, Number(url.searchParams.get("per_page") ?? 30));
  const number = Number(url.searchParams.get("page") ?? 1);
  const last = Math.max(1, Math.ceil(answer.length / perPage));
  const link = (to: number, rel: string): string => {
    const target = new URL(url);
    target.searchParams.set("page", String(to));
    return `<${target}>; rel="${rel}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, "prev"), link(1, "first")] : []),
    ...(number < last ? [link(number + 1, "next"), link(last, "last")] : []),
  ];
  return {
    status: 200,
    body: answer.body((number - 1) * perPage, number * perPage),
    ...(links.length > 0 && { headers: { link: links.join(", ") } }),
  };
}
