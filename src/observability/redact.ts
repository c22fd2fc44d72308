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

/** Takes secrets out of lines. */
export interface Redaction {
  /** @returns of a JSON object as text one with the same keys, in whose texts no secret stands, and a line break. */
  clean(line: string): string;
  /** One more value that is taken out from now on. Empty ones do not count. */
  learn(secret: string): void;
}

/** How many values are kept that were learned: tokens in files are replaced by others, and old ones expire. */
const MAX_LEARNED = 64;

/** @param secrets values that are taken out wherever they stand. */
export function createRedaction(secrets: readonly string[] = []): Redaction {
  const learned = new Set<string>();
  let values: readonly string[] = [];
  const sort = (): void => {
    const all = [...secrets, ...learned].filter((secret) => secret !== "");
    // One may be the beginning of another.
    values = all.sort((a, b) => b.length - a.length);
  };
  sort();
  const cleanText = (text: string): string =>
    PATTERNS.reduce(
      (cleaned, [pattern, replacement]) => cleaned.replaceAll(pattern, replacement),
      values.reduce((cleaned, value) => cleaned.replaceAll(value, REDACTED), text),
    );
  return {
    clean: (line) => {
      // Texts and not the line: a token may be spelled like a part of JSON, or be written with escapes there.
      const fields: unknown = JSON.parse(line);
      const replaced = JSON.stringify(fields, (_, value: unknown) =>
        typeof value === "string" ? cleanText(value) : value,
      );
      return `${replaced}\n`;
    },
    learn: (secret) => {
      if (learned.has(secret)) {
        return;
      }
      learned.add(secret);
      for (const oldest of [...learned].slice(0, -MAX_LEARNED)) {
        learned.delete(oldest);
      }
      sort();
    },
  };
}
