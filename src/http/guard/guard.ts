// What stands in front of every route and protocol, upgrades included: target, Host, Origin, token. It decides before
// any other code sees the request (connect-node's adapter throws on a malformed Host and would end the process).

import { pathOf, type Refusal, type Request } from "../message.ts";
import { type Authority, isLoopback, isSameAddress, matchesHost, parseAuthority } from "./host.ts";
import { provenanceOf } from "./origin.ts";
import { createTokenCheck } from "./token.ts";

/** Who may ask. */
export interface GuardOptions {
  /** Host patterns allowed beside loopback and the address that the connection came in on. See {@link matchesHost}. */
  readonly allowedHosts: readonly string[];
  /** Origins that pages of other sites may ask from: "https://host", "https://host:port", "https://*.host". */
  readonly allowedOrigins: readonly string[];
  /** Required as bearer token when given. */
  readonly token?: string;
  /** Whether a path is served without token. */
  readonly isOpen: (path: string) => boolean;
}

/** The guard's decision. */
export interface Verdict {
  /** Absent: the request may pass. */
  readonly refusal?: Refusal;
  /** The Origin to name in CORS headers: a page of another site, which is allowed, and may read a refusal too. */
  readonly crossOrigin?: string;
}

/**
 * Decides about one request.
 *
 * @param localAddress the address that the connection came in on; undefined on a Unix socket.
 */
export type Guard = (request: Request, localAddress: string | undefined) => Verdict;

/** Makes the guard. */
export function createGuard({ allowedHosts, allowedOrigins, token, isOpen }: GuardOptions): Guard {
  const hasToken = createTokenCheck(token);
  return (request, localAddress) => {
    const { headers, method } = request;
    const path = pathOf(request);
    if (path === "") {
      return { refusal: NO_PATH };
    }
    const authority = authorityOf(request);
    if (authority === undefined) {
      return { refusal: NO_HOST };
    }
    if (!isOurs(authority.host, localAddress, allowedHosts)) {
      return { refusal: foreignHost(authority.host) };
    }
    const provenance = provenanceOf(headers, authority, allowedOrigins);
    if (provenance.from === "elsewhere") {
      return { refusal: FOREIGN_ORIGIN };
    }
    const pass: Verdict = provenance.from === "allowed" ? { crossOrigin: provenance.origin } : {};
    if (method === "OPTIONS" && provenance.from === "allowed") {
      // Browsers send no token with the question whether they may send one.
      return pass;
    }
    if (!isOpen(path) && !hasToken(headers.authorization)) {
      return { ...pass, refusal: NO_TOKEN };
    }
    return pass;
  };
}

/** The one host that a request names, or undefined when it names none, several, or nonsense. */
function authorityOf(request: Request): Authority | undefined {
  const names = request.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const pseudo = request.headers[":authority"];
  const host = request.headers.host;
  if (names.filter((name) => name === "host").length > 1) {
    return undefined;
  }
  if (typeof pseudo === "string" && host !== undefined && pseudo.toLowerCase() !== host.toLowerCase()) {
    return undefined;
  }
  return parseAuthority(typeof pseudo === "string" ? pseudo : (host ?? ""));
}

/**
 * Names other than ours are what DNS rebinding needs. An IP literal is safe when it is the very address that the
 * connection came in on, as probes and scrapers use it. A Unix socket has no address that a page could reach.
 */
function isOurs(host: string, localAddress: string | undefined, allowedHosts: readonly string[]): boolean {
  return (
    localAddress === undefined ||
    isLoopback(host) ||
    isSameAddress(host, localAddress) ||
    allowedHosts.some((pattern) => matchesHost(host, pattern))
  );
}

const NO_PATH: Refusal = {
  status: 400,
  code: "invalid_argument",
  message: "the request target must be a path",
};

const NO_HOST: Refusal = {
  status: 400,
  code: "invalid_argument",
  message: "the Host header is missing or malformed",
};

const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  code: "permission_denied",
  message: "this Origin is not allowed; an origin is allowed with --allowed-origin",
};

const NO_TOKEN: Refusal = {
  status: 401,
  code: "unauthenticated",
  message: "a token is required: send the header Authorization: Bearer <token>",
  headers: { "www-authenticate": "Bearer" },
};

function foreignHost(host: string): Refusal {
  const message = `the Host "${host}" is not allowed; a host name is allowed with --allowed-host`;
  return { status: 403, code: "permission_denied", message };
}
