// What stands in front of every route and protocol: Host, Origin, token. It decides before any other code sees the
// request (connect-node's adapter throws on a malformed Host and would end the process).

import { createHash, timingSafeEqual } from "node:crypto";
import { type Authority, isLoopback, isSameAddress, matchesHost, parseAuthority } from "./host.ts";
import type { Refusal, Request } from "./message.ts";

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
export type Guard = (request: Request, path: string, localAddress: string | undefined) => Verdict;

/** Makes the guard. */
export function createGuard(options: GuardOptions): Guard {
  const expected = options.token === undefined ? undefined : digest(options.token);
  return (request, path, localAddress) => {
    if (path === "") {
      return refuse(400, "invalid_argument", "the request target must be a path");
    }
    const authority = requestAuthority(request);
    if (authority === undefined) {
      return refuse(400, "invalid_argument", "the Host header is missing or malformed");
    }
    if (!isAllowedHost(authority, localAddress, options.allowedHosts)) {
      const message = `the Host "${authority.host}" is not allowed; a host name is allowed with --allowed-host`;
      return refuse(403, "permission_denied", message);
    }
    const origin = request.headers["origin"];
    const sameOrigin = origin === undefined || isSameAuthority(origin, authority);
    if (!sameOrigin && !options.allowedOrigins.some((pattern) => matchesOrigin(origin, pattern))) {
      const message = "this Origin is not allowed; an origin is allowed with --allowed-origin";
      return refuse(403, "permission_denied", message);
    }
    const pass: Verdict = sameOrigin ? {} : { crossOrigin: origin };
    const isPreflight = request.method === "OPTIONS" && !sameOrigin;
    if (expected && !options.isOpen(path) && !isPreflight) {
      const given = digest(bearerToken(request.headers.authorization ?? ""));
      if (!timingSafeEqual(given, expected)) {
        const message = "a token is required: send the header Authorization: Bearer <token>";
        return { ...pass, ...refuse(401, "unauthenticated", message, { "www-authenticate": "Bearer" }) };
      }
    }
    return pass;
  };
}

function refuse(
  status: number,
  code: Refusal["code"],
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Verdict {
  return { refusal: { status, code, message, headers } };
}

/** The token of an Authorization header (RFC 6750, 2.1; the scheme in any case). Empty when there is none. */
function bearerToken(authorization: string): string {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
}

/** Of equal length for all texts, as a comparison in constant time needs it. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The one host that a request names, or undefined when it names none, several, or nonsense. */
function requestAuthority(request: Request): Authority | undefined {
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
function isAllowedHost(
  { host }: Authority,
  localAddress: string | undefined,
  allowedHosts: readonly string[],
): boolean {
  return (
    localAddress === undefined ||
    isLoopback(host) ||
    isSameAddress(host, localAddress) ||
    allowedHosts.some((pattern) => matchesHost(host, pattern))
  );
}

/** Whether an Origin has the same host and port as the accepted Host. The scheme does not count: TLS may end at a proxy. */
function isSameAuthority(origin: string, authority: Authority): boolean {
  const parsed = parseOrigin(origin);
  return parsed !== undefined && parsed.host === authority.host && parsed.port === authority.port;
}

function matchesOrigin(origin: string, pattern: string): boolean {
  const given = parseOrigin(origin);
  const [scheme = "", rest = ""] = pattern.split("://");
  const [host = "", port] = rest.split(":");
  return (
    given !== undefined &&
    given.scheme === scheme &&
    effectivePort(scheme, given.port) ===
      effectivePort(scheme, port === undefined ? undefined : Number(port)) &&
    matchesHost(given.host, host)
  );
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** Browsers leave out the scheme's default port; a pattern may name it. */
function effectivePort(scheme: string, port: number | undefined): number | undefined {
  return port ?? DEFAULT_PORTS[scheme];
}

/** Undefined for "null" too, which browsers send for pages without an origin. */
function parseOrigin(origin: string): (Authority & { scheme: string }) | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.+)$/i.exec(origin);
  const authority = parseAuthority(match?.[2] ?? "");
  return authority && { ...authority, scheme: (match?.[1] ?? "").toLowerCase() };
}
