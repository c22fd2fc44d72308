// GitHub's refusals and the network's failures, translated into reasons. Nothing of a request, and so no token, gets into an error.

import { CollectError } from "../collector.ts";
import { redact } from "./redact.ts";
import { type Reply, TooLargeError } from "./transport.ts";

/** What an error is about. */
export interface Asked {
  /** The path, without the query and without secrets. */
  readonly path: string;
  readonly token: string | undefined;
  /** Base address of the API. */
  readonly apiUrl: URL;
}

/** The longest text of GitHub's that is repeated, in characters. */
const MAX_QUOTE_LENGTH = 200;

/** The error for an answer that is neither what was asked for nor a limit. */
export function refusal({ status, headers, body }: Reply, { path, token, apiUrl }: Asked): CollectError {
  const error = (reason: string, message: string) => new CollectError(reason, redact(message, token));
  const said = quote(body);
  if (status === 401) {
    const whose =
      token === undefined ? "GitHub answers nobody without a token" : "GitHub does not accept the token";
    return error("UNAUTHENTICATED", `${whose}${said}`);
  }
  if (status === 403 && headers["x-github-sso"] !== undefined) {
    const url = ssoUrl(headers["x-github-sso"], apiUrl);
    const where = url === undefined ? "" : `: authorize it at ${url}`;
    return error("SSO_REQUIRED", `the organization of ${path} demands single sign-on of the token${where}`);
  }
  if (status === 403) {
    const missing = permissions(headers);
    const lacks = missing === undefined ? "" : `: the token lacks the permission ${missing}`;
    return error("FORBIDDEN", `GitHub forbids ${path}${lacks}${said}`);
  }
  // A commit that GitHub does not have is 422; a repository that was blocked is 451.
  if (status === 404 || status === 410 || status === 422 || status === 451) {
    const hint =
      token === undefined ? ", or it is private and needs a token" : ", or the token has no access to it";
    return error("NOT_FOUND_OR_NO_ACCESS", `GitHub does not have ${path}${status === 404 ? hint : said}`);
  }
  if (status >= 500) {
    return error("UNREACHABLE", `GitHub fails with status ${status}`);
  }
  return error("BAD_ANSWER", `GitHub answers ${path} with status ${status}`);
}

/** The error for a request that got no whole answer. What was thrown may be anything, so only its code and words are kept. */
export function networkFailure(thrown: unknown, { path, token, apiUrl }: Asked): CollectError {
  if (thrown instanceof TooLargeError) {
    return new CollectError("BAD_ANSWER", `GitHub's answer to ${path} is ${thrown.message}`);
  }
  const { code, message } =
    thrown instanceof Error ? (thrown as NodeJS.ErrnoException) : { code: undefined, message: "" };
  const cause = new Error(redact(message, token));
  // zlib's codes.
  if (code?.startsWith("Z_")) {
    return new CollectError("BAD_ANSWER", `GitHub's answer to ${path} cannot be unpacked`, { cause });
  }
  return new CollectError(
    "UNREACHABLE",
    redact(`${apiUrl.host} cannot be reached: ${code ?? message}`, token),
    { cause },
  );
}

/** Who may be asked for the permission: header of fine-grained tokens and Apps, else the one of classic tokens. */
function permissions(headers: Reply["headers"]): string | undefined {
  const text = headers["x-accepted-github-permissions"] ?? headers["x-accepted-oauth-scopes"];
  return text !== undefined && /^[a-z_:=,; ]{1,200}$/.test(text) ? text : undefined;
}

/** `required; url=https://github.com/orgs/ORG/sso?authorization_request=...`; only an address of GitHub's own website counts. */
function ssoUrl(header: string, apiUrl: URL): string | undefined {
  const [, text = ""] = /(?:^|;)\s*url=(\S+)/.exec(header) ?? [];
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOurs = url?.hostname === "github.com" || url?.hostname === apiUrl.hostname.replace(/^api\./, "");
  return url?.protocol === "https:" && url.username === "" && url.password === "" && isOurs
    ? url.href
    : undefined;
}

/** GitHub's own words, from the body of an error. */
function quote(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === "string" && message !== "" ? ` (${message.slice(0, MAX_QUOTE_LENGTH)})` : "";
  } catch {
    return "";
  }
}
