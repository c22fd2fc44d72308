// Pages of other sites: what a browser says of where a request comes from, and which origins may ask. Pure.

import type { IncomingHttpHeaders } from "node:http";
import { type Authority, matchesHost, parseAuthority } from "./host.ts";

/** Where a request comes from. */
export type Provenance =
  /** No page, a page of our own, or a person who opens an address. */
  | { readonly from: "here" }
  /** A page of another site, whose origin is allowed. */
  | { readonly from: "allowed"; readonly origin: string }
  | { readonly from: "elsewhere" };

/**
 * Tells where a request comes from.
 *
 * @param authority the Host that it names, which is ours.
 * @param allowedOrigins "https://host", "https://host:port", "https://*.host".
 */
export function provenanceOf(
  headers: IncomingHttpHeaders,
  authority: Authority,
  allowedOrigins: readonly string[],
): Provenance {
  const { origin } = headers;
  if (origin === undefined) {
    return isPartOfForeignPage(headers) ? { from: "elsewhere" } : { from: "here" };
  }
  if (isSameAuthority(origin, authority)) {
    return { from: "here" };
  }
  return allowedOrigins.some((pattern) => matchesOrigin(origin, pattern))
    ? { from: "allowed", origin }
    : { from: "elsewhere" };
}

/**
 * Whether a page of another site embeds what is asked for, as an image or a script, say. Such requests have no Origin, and the page cannot
 * read the answers, but it could measure them, and have work done. To open an address is another matter: links may lead here.
 * Browsers send these headers to loopback and over TLS, and no page can change them (https://www.w3.org/TR/fetch-metadata/).
 */
function isPartOfForeignPage(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  const isForeign = site !== undefined && site !== "same-origin" && site !== "none";
  const isOpened = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  return isForeign && !isOpened;
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
