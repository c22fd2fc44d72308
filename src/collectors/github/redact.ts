// Nothing that leaves this room holds a token: texts of GitHub, of proxies and of the network pass through here first.

/**
 * What GitHub's tokens look like: `ghp_`, `gho_`, `ghu_`, `ghs_` (which may be long and dotted), `ghr_`, and `github_pat_`.
 * https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
 */
const TOKEN_FORM = /\b(?:gh[pousr]|github_pat)_[A-Za-z0-9_.-]+/g;

const REDACTED = "[redacted]";

/** The text without the token, as it is or encoded for an address, and without anything that looks like one. */
export function redact(text: string, token: string | undefined): string {
  const secrets = token === undefined ? [] : [token, encodeURIComponent(token)];
  const withoutSecrets = secrets.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  return withoutSecrets.replace(TOKEN_FORM, REDACTED);
}
