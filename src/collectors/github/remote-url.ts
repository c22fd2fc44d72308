// From the address of a remote to the repository at GitHub. Pure.

import { trimEndOf } from "../trim-end.ts";

/** One repository. Names as they were written: two names that differ in upper and lower case only are the same. */
export interface Repository {
  /** Lower case, without port and `www.`. */
  readonly host: string;
  readonly owner: string;
  readonly name: string;
}

/** What remotes are judged by. */
export interface ResolveSettings {
  /** Name of the GitHub server, without port: `github.com` unless told otherwise. Repositories elsewhere do not count. */
  readonly host: string;
  /** The host that an ssh host alias of the user stands for. Undefined: it is no alias. Default: there are none. */
  readonly hostOfAlias?: (alias: string) => string | undefined;
}

/** An address with a scheme; of the authority, the user and his password are of no interest. */
const WITH_SCHEME = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#]*@)?([^/?#@:]+)(?::\d*)?(\/[^?#]*)(?:[?#].*)?$/i;
/** `user@host:path`. With a slash before the colon, it is a path of this machine. */
const SCP_STYLE = /^(?:[^/@]+@)?([^/:@]+):(?!\/\/)(.+)$/;

const WEB_SCHEMES: ReadonlySet<string> = new Set(["https", "http", "git"]);
const SSH_SCHEMES: ReadonlySet<string> = new Set(["ssh", "git+ssh", "ssh+git"]);

/** Where GitHub answers ssh on the port of https. */
const SSH_OVER_HTTPS = "ssh.github.com";

/** GitHub allows fewer names than these. Nothing else may become a part of a request's path. */
const OWNER = /^[a-z0-9_][a-z0-9_-]{0,99}$/i;
const NAME = /^[a-z0-9_.-]{1,100}$/i;

/**
 * The repository that an address leads to, when it is one of the GitHub server in question.
 *
 * @param url - As git would use it. Never throws, whatever it is.
 */
export function parseRemoteUrl(url: string, settings: ResolveSettings): Repository | undefined {
  const address = url.trim();
  const [, scheme, host, path] = WITH_SCHEME.exec(address) ?? [];
  if (scheme !== undefined && host !== undefined && path !== undefined) {
    const isSsh = SSH_SCHEMES.has(scheme.toLowerCase());
    if (!isSsh && !WEB_SCHEMES.has(scheme.toLowerCase())) return undefined;
    return atHost(host, path, isSsh, settings);
  }
  const [, scpHost, scpPath] = SCP_STYLE.exec(address) ?? [];
  return scpHost === undefined || scpPath === undefined
    ? undefined
    : atHost(scpHost, scpPath, true, settings);
}

/**
 * The repository that is called `owner/name`, or `host/owner/name`.
 *
 * @returns Undefined when that is no such name, or one of another server.
 */
export function parseFullName(fullName: string, { host }: ResolveSettings): Repository | undefined {
  const segments = fullName.split("/");
  const named = segments.length === 3 ? segments.shift() : host;
  const [owner, name, ...rest] = segments;
  if (owner === undefined || name === undefined || rest.length > 0) return undefined;
  return toRepository(host, named, owner, name);
}

/** `owner/name`, as it was written. */
export function fullName({ owner, name }: Repository): string {
  return `${owner}/${name}`;
}

export function isSameRepository(a: Repository, b: Repository): boolean {
  return repositoryKey(a) === repositoryKey(b);
}

/** Equal for the same repository. */
export function repositoryKey(repository: Repository): string {
  return `${repository.host}/${fullName(repository)}`.toLowerCase();
}

function atHost(
  host: string,
  path: string,
  isSsh: boolean,
  { host: server, hostOfAlias }: ResolveSettings,
): Repository | undefined {
  const segments = trimEndOf(path.replace(/^\/+/, ""), "/").split("/");
  const [owner, file, ...rest] = segments;
  if (owner === undefined || file === undefined || rest.length > 0) return undefined;
  const name = file.replace(/\.git$/i, "");
  const repository = toRepository(server, host, owner, name);
  if (repository !== undefined || !isSsh || hostOfAlias === undefined) return repository;
  return toRepository(server, hostOfAlias(host), owner, name);
}

function toRepository(
  server: string,
  host: string | undefined,
  owner: string,
  name: string,
): Repository | undefined {
  if (host === undefined || normalHost(host) !== normalHost(server)) return undefined;
  if (!OWNER.test(owner) || !NAME.test(name) || name === "." || name === "..") return undefined;
  return { host: normalHost(server), owner, name };
}

function normalHost(host: string): string {
  const lower = host
    .toLowerCase()
    .replace(/\.$/, "")
    .replace(/^www\./, "");
  return lower === SSH_OVER_HTTPS ? "github.com" : lower;
}
