// Makes text from the workspace fit to be served: no control characters, no secrets in URLs, no more than fits.
// Pure; whatever string comes in, a well-formed one comes out.

/** A text fit to be served, and whether something was cut off its end. */
export interface CleanText {
  readonly text: string;
  readonly truncated: boolean;
}

/**
 * What is looked at of any text, in UTF-16 units. Bounds the work on a text of any length; far more than the 4,096 bytes
 * that can be served of it.
 */
const MAX_INPUT_LENGTH = 65_536;

// Terminal escapes (ECMA-48): control sequences, control strings, and the short ones. Node's
// util.stripVTControlCharacters takes 0.7 s for 64 KiB of "\x1b];a" and leaves control strings behind. A control string
// ends where another one begins: were it to reach on, many that never end would take quadratic time.
const ESCAPE_SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]?/g;

// C0 and C1 but for tab and line feed, DEL, the byte-order mark, the line and paragraph separators, and every character that
// changes the direction of text (Unicode UAX #9, "Trojan Source", CVE-2021-42574).
const CONTROL_CHARACTERS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

const USER_INFO = /:\/\/[^\s/?#]*@/g;
const UNFINISHED_AUTHORITY = /:\/\/[^\s/?#]*$/;
// Parameters whose name is such a word, or ends in one: access_token, X-Amz-Signature.
const SECRET_PARAMETERS =
  /([?&;#](?:[\w.-]*[_.-])?(?:token|api[_-]?key|secret|password|passwd|pwd|auth|sig|signature|credential)=)[^&;#\s]*/gi;

/**
 * Removes credentials from every URL in a text: the user part up to the last "@" of the authority, a lone user name
 * included, and the values of query parameters that hold secrets, which read "***" then. `git@host:path` has none and
 * stays as it is.
 */
export function redactUrls(text: string): string {
  return text.replaceAll(USER_INFO, "://").replaceAll(SECRET_PARAMETERS, "$1***");
}

/**
 * Cleans and cuts one text: terminal escapes, control characters (tab and line feed stay, CR LF becomes LF) and
 * bidirectional controls are removed, lone surrogates replaced by U+FFFD, credentials in URLs removed, and what exceeds
 * `maxJsonBytes` (size as a JSON string, quotes included) is cut off between two characters.
 */
export function cleanText(raw: string, maxJsonBytes: number): CleanText {
  const bounded = raw.length > MAX_INPUT_LENGTH;
  const cleaned = removeControls(begin(raw));
  const redacted = redactUrls(bounded ? cleaned.replace(UNFINISHED_AUTHORITY, "://") : cleaned);
  const cut = cutToJsonBytes(redacted, maxJsonBytes);
  return { text: cut.text, truncated: cut.truncated || bounded };
}

/** The text without what would do something else to a terminal than to be shown; tab and line feed stay. */
export function removeControls(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replaceAll(ESCAPE_SEQUENCES, "")
    .replaceAll(CONTROL_CHARACTERS, "")
    .toWellFormed();
}

/** What is looked at of a text: not half of a character at its end. */
function begin(raw: string): string {
  const isSplit = raw.length > MAX_INPUT_LENGTH && (raw.codePointAt(MAX_INPUT_LENGTH - 1) ?? 0) > 0xffff;
  return raw.slice(0, isSplit ? MAX_INPUT_LENGTH - 1 : MAX_INPUT_LENGTH);
}

/** Size of a string as JSON in UTF-8, in bytes, quotes included. */
export function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/** Cuts a well-formed string so that its JSON form has at most `maxJsonBytes` bytes, never through a character. */
function cutToJsonBytes(text: string, maxJsonBytes: number): CleanText {
  if (jsonBytes(text) <= maxJsonBytes) {
    return { text, truncated: false };
  }
  let bytes = 2;
  let end = 0;
  for (const character of text) {
    bytes += jsonBytes(character) - 2;
    if (bytes > maxJsonBytes) {
      break;
    }
    end += character.length;
  }
  return { text: text.slice(0, end), truncated: true };
}
