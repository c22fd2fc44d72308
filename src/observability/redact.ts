// Takes secrets out of log lines: those that the server was given, by their value, and those of others by how they look.

/** What stands in a secret's place. */
export const REDACTED = "[secret]";

/** What gives itself away as a secret, and what is kept of it. */
const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
  [/\b(?:gh[a-z]_[A-Za-z0-9_.-]{4,}|github_pat_\w{4,})/g, REDACTED],
  [/\b(bearer) +[^\s"'<>]+/gi, `$1 ${REDACTED}`],
  [/\b(token) +[^\s"'<>]{16,}/gi, `$1 ${REDACTED}`],
  [/(\w:\/\/)[^\s/?#@"'<>]+@/g, `$1${REDACTED}@`],
  [/([?&](?:access_token|token|key|secret|password)=)[^\s&#"'<>]+/gi, `$1${REDACTED}`],
];

/**
 * Makes the function that takes secrets out of one line of a log.
 *
 * @param secrets values that are taken out wherever they stand, the longest first. Empty ones do not count.
 * @returns a function from a JSON object as text to one with the same keys, in whose texts no secret stands.
 */
export function createRedaction(secrets: readonly string[]): (line: string) => string {
  const values = secrets.filter((secret) => secret !== "").sort((a, b) => b.length - a.length);
  const clean = (text: string): string =>
    PATTERNS.reduce(
      (cleaned, [pattern, replacement]) => cleaned.replaceAll(pattern, replacement),
      values.reduce((cleaned, value) => cleaned.replaceAll(value, REDACTED), text),
    );
  return (line) => {
    // Values and not the line: a token may be spelled like a part of JSON, or be written with escapes there.
    const fields: unknown = JSON.parse(line);
    return `${JSON.stringify(fields, (_, value: unknown) => (typeof value === "string" ? clean(value) : value))}\n`;
  };
}
