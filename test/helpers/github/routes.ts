// What the stand-in answers to a request that is allowed: the routes, their queries and pages.

import type { Bodies } from "./bodies.ts";
import type { Permission } from "./credentials.ts";
import type { Pull, Repo } from "./world.ts";

/** An answer before validators and limits. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly needs: Permission;
  /** Query parameters that it understands, besides those of pages. */
  readonly query: readonly string[];
  readonly answer: (repo: Repo, query: URLSearchParams, bodies: Bodies) => Reply | Paged;
}

/** An answer that comes in pages. */
export interface Paged {
  readonly length: number;
  readonly body: (from: number, to: number) => unknown;
}

export const NOT_FOUND: Reply = {
  status: 404,
  body: { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" },
};

/** The route of a path below the repository (`/pulls/7`). Undefined: there is none that this project asks for. */
export function findRoute(path: string): Route | undefined {
  const [, section = "", key = "", rest = ""] = /^\/?([^/]*)(?:\/([^/]+))?(?:\/(.*))?$/.exec(path) ?? [];
  const ref = decodeURIComponent(key);
  if (path === "") {
    return {
      needs: "metadata",
      query: [],
      answer: (repo, _, bodies) => ({ status: 200, body: bodies.repo(repo) }),
    };
  }
  if (section === "pulls" && key === "") {
    return {
      needs: "pull_requests",
      query: ["state", "head", "base", "sort", "direction"],
      answer: listPulls,
    };
  }
  if (section === "pulls" && (rest === "" || rest === "reviews")) {
    return { needs: "pull_requests", query: [], answer: ofPull(Number(key), rest) };
  }
  if (section === "commits" && rest === "check-runs") {
    return { needs: "checks", query: ["filter", "status", "check_name", "app_id"], answer: listChecks(ref) };
  }
  if (section === "commits" && rest === "status") {
    return { needs: "statuses", query: [], answer: combinedStatus(ref) };
  }
  return undefined;
}

function listPulls(repo: Repo, query: URLSearchParams, bodies: Bodies): Paged {
  const state = query.get("state") ?? "open";
  const head = query.get("head");
  const base = query.get("base");
  const sort = query.get("sort") ?? "created";
  const direction = query.get("direction") ?? (query.has("sort") && sort !== "created" ? "asc" : "desc");
  const time = ({ fields }: Pull): string => (sort === "updated" ? fields.updatedAt : fields.createdAt);
  const found = repo.pulls
    .filter(({ fields }) => state === "all" || fields.state === state)
    .filter(({ fields }) => base === null || fields.baseBranch === base)
    .filter(({ fields }) => !head?.includes(":") || isHead(fields, head))
    .sort((a, b) => (time(a) < time(b) ? -1 : time(a) > time(b) ? 1 : a.number - b.number));
  if (direction === "desc") {
    found.reverse();
  }
  return { length: found.length, body: (from, to) => found.slice(from, to).map(bodies.listedPull) };
}

/** A filter without a colon is ignored by GitHub; the owner's case does not matter. */
function isHead(fields: Pull["fields"], head: string): boolean {
  const [owner = "", ...branch] = head.split(":");
  return fields.headOwner.toLowerCase() === owner.toLowerCase() && fields.headBranch === branch.join(":");
}

function ofPull(number: number, part: string): Route["answer"] {
  return (repo, _query, bodies) => {
    const pull = repo.pulls.find((candidate) => candidate.number === number);
    if (pull === undefined) {
      return NOT_FOUND;
    }
    if (part === "") {
      return { status: 200, body: bodies.pull(pull) };
    }
    const { reviews } = pull;
    const body: Paged["body"] = (from, to) =>
      reviews.slice(from, to).map((review) => bodies.review(pull, review));
    return { length: reviews.length, body };
  };
}

function listChecks(sha: string): Route["answer"] {
  return (repo, _query, bodies) => {
    const runs = repo.checks.get(sha) ?? [];
    const body: Paged["body"] = (from, to) => bodies.checks(sha, runs.slice(from, to), runs.length);
    return repo.knows(sha) ? { length: runs.length, body } : unknownCommit(sha);
  };
}

function combinedStatus(sha: string): Route["answer"] {
  return (repo, _query, bodies) => {
    const all = repo.statuses.get(sha) ?? [];
    const body: Paged["body"] = (from, to) => bodies.status(repo, sha, all.slice(from, to), all);
    return repo.knows(sha) ? { length: all.length, body } : unknownCommit(sha);
  };
}

function unknownCommit(sha: string): Reply {
  return { status: 422, body: { message: `No commit found for SHA: ${sha}`, status: "422" } };
}
