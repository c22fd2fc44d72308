// Host names: what a Host header says, and which hosts are ours. Pure.

import { BlockList, isIP } from "node:net";

/** The parts of an authority ("host", "host:port"). */
export interface Authority {
  /** Lower case; an IPv6 address without its brackets; without a dot at its end. */
  readonly host: string;
  /** As given. Undefined when absent. */
  readonly port: number | undefined;
}

/** Letters, digits, "-", "_" and "." in labels, or an IPv6 literal; a port. RFC 3986, 3.2.2, less what no host uses. */
const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::([0-9]{1,5}))?$/i;

/** Longest host name that DNS allows, with brackets and port. */
const MAX_AUTHORITY_LENGTH = 253 + ":65535".length;

/** @returns undefined when the text is not an authority. */
export function parseAuthority(text: string): Authority | undefined {
  const match = text.length <= MAX_AUTHORITY_LENGTH ? AUTHORITY.exec(text) : null;
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (match === null || (port !== undefined && port > 65_535)) {
    return undefined;
  }
  const [, ipv6, name] = match;
  if (ipv6 !== undefined && isIP(ipv6) !== 6) {
    return undefined;
  }
  // What ends in a number must be an IPv4 address (https://url.spec.whatwg.org/#host-parsing); the RPC library makes a URL of it.
  if (!URL.canParse(`http://${text}`)) {
    return undefined;
  }
  return { host: (ipv6 ?? name ?? "").toLowerCase(), port };
}

/** Whether a host means this machine itself, whatever a name server says. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" || (isIP(host) !== 0 && LOOPBACK.check(host, isIP(host) === 6 ? "ipv6" : "ipv4"))
  );
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether two IP literals name the same address, an IPv4 one written as IPv6 included. */
export function isSameAddress(a: string, b: string): boolean {
  if (isIP(a) === 0 || isIP(b) === 0) {
    return false;
  }
  const list = new BlockList();
  list.addAddress(a, isIP(a) === 6 ? "ipv6" : "ipv4");
  return list.check(b, isIP(b) === 6 ? "ipv6" : "ipv4");
}

/**
 * Whether a host matches a pattern: a name, an IP literal, or a name with a "*" at its beginning. "*.example.com" stands for one or more
 * labels; "*--name.example.com" for the beginning of one label.
 */
export function matchesHost(host: string, pattern: string): boolean {
  if (!pattern.startsWith("*")) {
    return host === pattern || isSameAddress(host, pattern);
  }
  const suffix = pattern.slice(1);
  const rest = host.endsWith(suffix) ? host.slice(0, -suffix.length) : "";
  return rest !== "" && (suffix.startsWith(".") || !rest.includes("."));
}
