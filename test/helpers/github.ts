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
import { answerTo, type Site } from "./github/answers.ts";
import { createBodies } from "./github/bodies.ts";
import { type Booked, Books } from "./github/books.ts";
import { Credential, type CredentialOptions } from "./github/credentials.ts";
import { type Fault, Faults } from "./github/faults.ts";
import type { Reply } from "./github/routes.ts";
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
  const site: Site = {
    apiUrl,
    bodies: createBodies(apiUrl),
    repoNamed: findRepo,
    repoOf: (id) => repos.find((repo) => repo.id === id),
    onUnexpected: (url) => books.unexpected.push(`GET ${url.pathname}${url.search}`),
  };

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
      fault?.kind === "answer" ? answerOf(fault) : answerTo(new URL(url, apiUrl), token, credential, site);
    send(response, {
      reply,
      booked,
      credential,
      validator: headers["if-none-match"],
      isCut: fault?.kind === "cut",
      isFault: fault?.kind === "answer",
    });
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
