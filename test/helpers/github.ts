// A stand-in for GitHub's REST interface: real HTTP on a free port of loopback, over a world that a test changes at will. It keeps
// the books, and a test fails with every request that this project should never send.
//
//   const github = await startGitHub();                        // closed after the test
//   github.token("ghp_abc");                                    // every other token is answered 401; none: 60 points an hour
//   const repo = github.repo("o/n");
//   const pull = repo.pull({ head: "fork-owner:branch" });      // also "branch" and "owner/name:branch"
//   repo.check(pull.fields.headSha, { name: "build", conclusion: "success" });
//   pull.review("ann", "APPROVED");
//   github.faults.add({ kind: "hang" });                        // the next request
//   github.books.points, .requests, .requestsPerMinute, .peakConcurrency

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../src/collectors/clock.ts";
import { createBodies } from "./github/bodies.ts";
import { type Booked, Books } from "./github/books.ts";
import { Credential, type CredentialOptions } from "./github/credentials.ts";
import { type Fault, Faults } from "./github/faults.ts";
import { findRoute, NOT_FOUND, type Reply, type Route } from "./github/routes.ts";
import { Repo, type RepoOptions } from "./github/world.ts";

export { type Fault, failure, HTML_PAGE, secondaryLimit } from "./github/faults.ts";
export { type Pull, type Repo, sha } from "./github/world.ts";

export interface GitHubOptions {
  /** GitHub's clock: times in bodies, windows of limits, the header `Date`. Default: the machine's. */
  readonly clock?: Pick<Clock, "wallMs">;
}

/** The stand-in. */
export interface GitHub {
  /** `http://127.0.0.1:port`. */
  readonly apiUrl: string;
  readonly books: Books;
  readonly faults: Faults;
  /** Everybody without a token. */
  readonly anonymous: Credential;
  /** Makes a token valid, or finds it again. */
  token(value: string, options?: CredentialOptions): Credential;
  /** Makes a repository, or finds it again, by any of its names. */
  repo(name: string, options?: RepoOptions): Repo;
  /** @throws {Error} when there were unexpected requests. May be called twice. */
  close(): Promise<void>;
}

/** Starts one for the running test, which fails when requests came that were not expected. */
export async function startGitHub(options?: GitHubOptions): Promise<GitHub> {
  const github = await openGitHub(options);
  onTestFinished(() => github.close());
  return github;
}

/** Starts one outside of tests. The caller closes it. */
export async function openGitHub({ clock = systemClock }: GitHubOptions = {}): Promise<GitHub> {
  const books = new Books();
  const faults = new Faults();
  const nowMs = (): number => clock.wallMs();
  const anonymous = new Credential({ limit: 60 }, nowMs);
  const credentials = new Map<string, Credential>();
  const repos: Repo[] = [];
  let lastId = 1_000;
  const origin = {
    nextId: () => ++lastId,
    now: () => `${new Date(nowMs()).toISOString().slice(0, 19)}Z`,
  };
  const findRepo = (name: string): Repo | undefined => {
    const is = (other: string | undefined): boolean => other?.toLowerCase() === name.toLowerCase();
    return repos.find((repo) => is(repo.name)) ?? repos.find((repo) => repo.names.some(is));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      books.unexpected.push(`the stand-in failed: ${String(error)}`);
      response.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bodies = createBodies(apiUrl);

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    const [scheme, token] = headers.authorization?.split(" ") ?? [];
    const booked: Booked = {
      atMs: nowMs(),
      url,
      token,
      headerNames: Object.keys(headers),
      status: 0,
      cost: 0,
    };
    books.requests.push(booked);
    books.open += 1;
    books.peakConcurrency = Math.max(books.peakConcurrency, books.open);
    response.on("close", () => {
      books.open -= 1;
    });
    if (
      method !== "GET" ||
      headers["user-agent"] === undefined ||
      (scheme && !/^(bearer|token)$/i.test(scheme))
    ) {
      books.unexpected.push(`${method} ${url}, scheme ${scheme}, user agent ${headers["user-agent"]}`);
    }
    const fault = faults.take(url);
    if (fault?.kind === "hang") {
      return;
    }
    if (fault?.kind === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === "slow") {
      await delay(fault.delayMs, undefined, { ref: false });
    }
    const credential = token === undefined ? anonymous : credentials.get(token);
    const reply =
      fault?.kind === "answer" ? answerOf(fault) : answerTo(new URL(url, apiUrl), token, credential);
    send(response, {
      reply,
      booked,
      credential,
      validator: headers["if-none-match"],
      isCut: fault?.kind === "cut",
      isFault: fault?.kind === "answer",
    });
  };

  /** What GitHub says, before it looks at validators. */
  const answerTo = (url: URL, token: string | undefined, credential: Credential | undefined): Reply => {
    if (credential === undefined || credential.isRevoked) {
      return { status: 401, body: { message: "Bad credentials", status: "401" } };
    }
    if (credential.exceedsSecondaryLimit()) {
      return {
        status: 403,
        headers: { "retry-after": "60" },
        body: {
          message:
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        },
      };
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
      byId === undefined
        ? findRepo(decodeURIComponent(byName ?? ""))
        : repos.find(({ id }) => id === Number(byId));
    const route = findRoute(path);
    const known = [...(route?.query ?? []), "per_page", "page"];
    if (
      repo === undefined ||
      route === undefined ||
      [...url.searchParams.keys()].some((name) => !known.includes(name))
    ) {
      books.unexpected.push(`GET ${url.pathname}${url.search}`);
      return NOT_FOUND;
    }
    const sees = token !== undefined && (credential.sees?.includes(repo.name) ?? true);
    if (repo.isPrivate && !sees) {
      return NOT_FOUND;
    }
    if (repo.ssoUrl !== undefined && token !== undefined) {
      return {
        status: 403,
        headers: { "x-github-sso": `required; url=${repo.ssoUrl}` },
        body: {
          message: "Resource protected by organization SAML enforcement. You must grant your token access.",
        },
      };
    }
    if (byName !== undefined && byName.toLowerCase() !== repo.name.toLowerCase()) {
      const location = `${apiUrl}/repositories/${repo.id}${path === "" ? "" : `/${path}`}${url.search}`;
      return { status: 301, headers: { location }, body: { message: "Moved Permanently", url: location } };
    }
    if (credential.lacks.includes(route.needs)) {
      return {
        status: 403,
        headers: { "x-accepted-github-permissions": `${route.needs}=read` },
        body: { message: "Resource not accessible by personal access token", status: "403" },
      };
    }
    return page(route.answer(repo, url.searchParams, bodies), url);
  };

  const send = (response: ServerResponse, sending: Sending): void => {
    const { reply, booked, credential, validator, isCut, isFault } = sending;
    const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body);
    const etag = `W/"${createHash("sha256").update(`${booked.token} ${text}`).digest("hex")}"`;
    const isUnchanged = reply.status === 200 && validator === etag;
    booked.status = isUnchanged ? 304 : reply.status;
    // A 304 is free for whoever is known; what was refused for a limit, and a server's error, costs nobody anything.
    const isFree =
      isFault ||
      (isUnchanged && credential !== anonymous) ||
      [401, 403, 429].includes(booked.status) ||
      booked.url === "/rate_limit";
    booked.cost = isFree ? 0 : 1;
    credential?.spend(booked.cost);
    response.writeHead(booked.status, {
      date: new Date(nowMs()).toUTCString(),
      "content-type": "application/json; charset=utf-8",
      ...(reply.status === 200 ? { etag, vary: "Accept, Authorization" } : {}),
      ...credential?.headers(),
      ...(isUnchanged ? {} : { "content-length": Buffer.byteLength(text) }),
      ...(isUnchanged ? {} : reply.headers),
    });
    if (isCut) {
      response.write(text.slice(0, text.length / 2), () => response.destroy());
      return;
    }
    response.end(isUnchanged ? undefined : text);
  };

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
    if (books.unexpected.length > 0) {
      throw new Error(`GitHub was asked what it should not be: ${books.unexpected.join("; ")}`);
    }
  };

  return {
    apiUrl,
    books,
    faults,
    anonymous,
    token: (value, options = {}) => {
      const credential = credentials.get(value) ?? new Credential(options, nowMs);
      credentials.set(value, credential);
      return credential;
    },
    repo: (name, options = {}) => {
      const found = findRepo(name);
      if (found !== undefined) {
        return found;
      }
      const repo = new Repo(name, options, origin);
      repos.push(repo);
      return repo;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

interface Sending {
  readonly reply: Reply;
  readonly booked: Booked;
  readonly credential: Credential | undefined;
  readonly validator: string | undefined;
  readonly isCut: boolean;
  readonly isFault: boolean;
}

function answerOf(fault: Extract<Fault, { kind: "answer" }>): Reply {
  const { status, body = "", headers = {} } = fault;
  return { status, body, headers };
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
