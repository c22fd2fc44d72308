// Removes credentials from the address of a remote. Pure.

/** What of the authority is no credential: a host name or an address in brackets, and a port. */
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:]*)(?::\d*)?$/;

/** A parameter whose name says that its value is secret. */
const SECRET_NAME = /token|secret|passw|pwd|auth|key|sig|credential|code|session/i;

/**
 * The address without user name, password and secret parameters. An scp-style address (`git@host:path`) keeps
 * its user, which is needed and no secret, but no password. Never throws.
 */
export function redactUrl(url: string): string {
  const helper = /^(?:\w+::)+/.exec(url)?.[0];
  // The address of this one is a command, which may hold a secret in any form.
  if (helper?.toLowerCase() === "ext::") return `${helper}***`;
  if (helper !== undefined) return helper + redactUrl(url.slice(helper.length));
  const scheme = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|(?:https?|ftps?|ssh|git):[\\/]+)/i.exec(url)?.[0];
  if (scheme !== undefined) return scheme + redactAfterScheme(url.slice(scheme.length));
  // Not an address of a known form, yet one may stand inside, as in the command of an `ext::` address.
  return redactScpStyle(
    url.replaceAll(
      /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)([^\s'"]*)/gi,
      (_, start: string, rest: string) => start + redactAfterScheme(rest),
    ),
  );
}

function redactAfterScheme(text: string): string {
  const authorityEnd = indexOfAny(text, /[/\\?#]/);
  const authority = text.slice(0, authorityEnd);
  const rest = text.slice(authorityEnd);
  // An "@" that was encoded by mistake hides a password all the same.
  const host = authority.split(/@|%40/i).at(-1) ?? "";
  if (HOST_AND_PORT.test(host)) return host + redactParameters(rest);
  // `user:pass/word@host`: a password with a slash in it that should have been encoded.
  const stray = rest.lastIndexOf("@");
  if (stray >= 0) return redactAfterScheme(rest.slice(stray + 1));
  return host.slice(0, host.indexOf(":")) + redactParameters(rest);
}

function redactParameters(text: string): string {
  const pathEnd = indexOfAny(text, /[?#]/);
  const kept = text
    .slice(pathEnd)
    .split(/(?=[?&;#])/)
    .filter((parameter) => !SECRET_NAME.test(parameterName(parameter)));
  const [first = "", ...others] = kept;
  return text.slice(0, pathEnd) + first.replace(/^[&;]/, "?") + others.join("");
}

/** Name of `?name=value`, decoded. A parameter without a value is nothing but a name. */
function parameterName(parameter: string): string {
  const name = parameter.slice(1).split("=", 1)[0] ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function redactScpStyle(url: string): string {
  return url.replace(/^(\s*[^:@/\s]*):[^/]*@(?=[^@/]*:)/, "$1@");
}

function indexOfAny(text: string, pattern: RegExp): number {
  const found = text.search(pattern);
  return found < 0 ? text.length : found;
}
