// From texts to values: the forms that settings take. Pure.

import { isIP } from "node:net";
import { resolve } from "node:path";
import * as z from "zod/mini";

/** In place of a secret, however long it is. */
export const MASK = "********";

/** Where to listen, as a setting. */
export interface ListenSetting {
  /** As it was given. */
  readonly text: string;
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Whether only this machine can connect. */
  readonly isLoopback: boolean;
}

/** What a header can carry. */
export const VISIBLE = /^[\x21-\x7e]+$/;

const HOST_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i;
const LISTEN_FORMS = "allowed is host:port with a port of 0 to 65535, :port, or unix:PATH";

/** `host:port`, `[v6]:port`, `:port` (loopback), `unix:PATH`. Default 127.0.0.1:8000. */
export const listenAddress = z.pipe(
  z.optional(z.string()),
  z.transform((value = "127.0.0.1:8000", { issues }): ListenSetting => {
    const parsed = parseListenAddress(value);
    if (parsed === undefined) {
      issues.push({ code: "custom", message: LISTEN_FORMS, input: value });
      return z.NEVER;
    }
    return parsed;
  }),
);

function parseListenAddress(text: string): ListenSetting | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return path === "" ? undefined : { text, address: { path: resolve(path) }, isLoopback: true };
  }
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? (match?.[2] === "" ? "127.0.0.1" : match?.[2]);
  const isHost = host !== undefined && (match?.[1] === undefined ? HOST_NAME.test(host) : isIP(host) === 6);
  if (!isHost || port > 65_535) {
    return undefined;
  }
  const isLoopback = host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
  return { text, address: { host, port }, isLoopback };
}

/** The address of a server on this machine that was started with this setting. */
export function loopbackUrl({ address }: ListenSetting, scheme: "http" | "https"): string {
  if ("path" in address) {
    return `unix:${address.path}`;
  }
  const anywhere = address.host === "0.0.0.0" || address.host === "::";
  const host = anywhere ? "127.0.0.1" : address.host;
  return `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${address.port}`;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** A number with the unit ms, s or m, as milliseconds. */
export function durationMs(range: { readonly min: number; readonly max: number; readonly fallback: number }) {
  const { min, max, fallback } = range;
  return z.pipe(
    z.optional(z.string()),
    z.transform((value, { issues }) => {
      if (value === undefined) {
        return fallback;
      }
      const match = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)$/.exec(value);
      const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ""] ?? Number.NaN);
      if (!(ms >= min && ms <= max)) {
        const message = `allowed is a duration such as 500ms, 5s or 1m, from ${min} ms to ${max} ms`;
        issues.push({ code: "custom", message, input: value });
        return z.NEVER;
      }
      return ms;
    }),
  );
}

/** Address of a service: http or https, without user, query or fragment. */
export const serviceUrl = z.string().check(
  z.refine(isServiceUrl, {
    error: "allowed is http://host:port or https://host:port, without user or query",
  }),
);

function isServiceUrl(value: string): boolean {
  if (!URL.canParse(value)) {
    return false;
  }
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}

/**
 * The text of a setting without what may be a password in it: whatever stands before an "@", and the values of parameters. Of each
 * part of a list by itself.
 */
export function withoutPassword(text: string): string {
  return text
    .replaceAll(/((?:^|,)\s*(?:[a-z][a-z\d+.-]*:\/+)?)[^,]*@/gi, `$1${MASK}@`)
    .replaceAll(/([?&][^=&#,]*=)[^&#,]*/g, `$1${MASK}`);
}

/** A text without what may be a secret in an address: what stands before its host, and its query. */
export function withoutSecrets(text: string): string {
  return withoutPassword(text).replace(/(\w:\/\/[^?]*)\?.*/s, `$1?${MASK}`);
}

/** A host name, or `*.` and a host name. Lower case. */
export const hostPattern = z.string().check(
  z.refine((value) => isIP(value) !== 0 || HOST_NAME.test(value.replace(/^\*\./, "")), {
    error: "allowed is a host name without port, or *.name",
  }),
  z.toLowerCase(),
);

/** `https://host`, `https://host:port`, `https://*.host`, without a path. Lower case. */
export const allowedOrigin = z.string().check(
  z.regex(/^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::\d{1,5})?$/i, {
    error: "allowed is an origin without path: https://host, https://host:port or https://*.host",
  }),
  z.toLowerCase(),
);

/** A host name without port. Lower case, without `www.`. */
export const hostName = z.optional(
  z.string().check(
    z.refine((value) => HOST_NAME.test(value), { error: "allowed is a host name without port" }),
    z.toLowerCase(),
    z.overwrite((value) => value.replace(/^www\./, "")),
  ),
);

/**
 * An address that a token may be sent to: `https://`, with an optional port and path; `http://` on loopback alone. Without
 * a trailing slash.
 */
export const trustedUrl = z.optional(
  z.pipe(
    z.string(),
    z.transform((value, { issues }) => {
      const url = URL.canParse(value) ? new URL(value) : undefined;
      if (url === undefined || !isTrusted(url) || /[?#]/.test(value)) {
        const message =
          "allowed is https://host/path, with http on loopback only, without user, query and fragment";
        issues.push({ code: "custom", message, input: value });
        return z.NEVER;
      }
      return url.href.replace(/\/+$/, "");
    }),
  ),
);

function isTrusted({ protocol, hostname, username, password }: URL): boolean {
  const isSafe = protocol === "https:" || (protocol === "http:" && isLoopbackHost(hostname));
  return isSafe && username === "" && password === "";
}

function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));
}

/**
 * The names under which Coder's proxy reaches this workspace: from VSCODE_PROXY_URI
 * (`https://{{port}}--agent--workspace--owner.apps.example.com`) any app or port of this workspace, and the host of the
 * access URL, for apps that are told apart by path. None outside Coder.
 */
export function coderHosts(env: Readonly<Record<string, string | undefined>>): string[] {
  const hosts: string[] = [];
  const proxy =
    /^https?:\/\/\{\{port\}\}(--[a-z0-9_-]+)?--([a-z0-9_-]+?)--([a-z0-9_-]+)\.([a-z0-9.-]+)/i.exec(
      env["VSCODE_PROXY_URI"] ?? "",
    );
  if (proxy) {
    const [, , workspace, owner, suffix] = proxy;
    hosts.push(`*--${workspace}--${owner}.${suffix}`.toLowerCase());
  }
  hosts.push(...coderUrls(env).map(({ hostname }) => hostname.toLowerCase()));
  return hosts;
}

/** The origins of Coder's dashboard, which shows a workspace's apps. None outside Coder. */
export function coderOrigins(env: Readonly<Record<string, string | undefined>>): string[] {
  return [...new Set(coderUrls(env).map(({ origin }) => origin))].filter((origin) => origin !== "null");
}

function coderUrls(env: Readonly<Record<string, string | undefined>>): URL[] {
  return (
    [env["CODER_AGENT_URL"], env["CODER_URL"]]
      .filter((url) => url !== undefined && URL.canParse(url))
      .map((url) => new URL(url ?? ""))
      // A URL may have a host of "*", which would allow any.
      .filter(({ hostname }) => HOST_NAME.test(hostname))
  );
}
