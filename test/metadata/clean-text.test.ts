import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanText, jsonBytes, redactUrls } from "../../src/metadata/clean-text.ts";

const LIMIT = 4096;
const clean = (raw: string, maxJsonBytes = LIMIT) => cleanText(raw, maxJsonBytes).text;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be gone
const FORBIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

describe("what is removed from a text", () => {
  it.each([
    ["tab and line feed stay", "a\tb\nc", "a\tb\nc"],
    ["CR LF is a line feed", "a\r\nb\r\n", "a\nb\n"],
    ["a lone CR goes, for it lets text overwrite text", "safe\rharm", "safeharm"],
    ["NUL, BEL, backspace, DEL", "a\0b\x07c\x08d\x7fe", "abcde"],
    ["C1 controls", "a\x80b\x85c\x9fd", "abcd"],
    ["colours", "\x1b[1;31mred\x1b[0m", "red"],
    ["colours by a C1 introducer", "\x9b31mred\x9b0m", "red"],
    ["a title (OSC) ended by BEL", "\x1b]0;title\x07text", "text"],
    ["a title (OSC) ended by ST", "\x1b]0;title\x1b\\text", "text"],
    ["a hyperlink (OSC 8)", "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "click"],
    ["a clipboard write (OSC 52)", "\x1b]52;c;aGFybQ==\x07text", "text"],
    ["a device control string (DCS)", "\x1bP1$r0m\x1b\\text", "text"],
    ["a control string by C1 introducer and terminator", "\x9d0;title\x9ctext", "text"],
    ["an application command (APC) and a privacy message (PM)", "\x1b_harm\x1b\\a\x1b^harm\x1b\\b", "ab"],
    ["a full reset", "\x1bctext", "text"],
    ["a choice of character set", "\x1b(0text", "text"],
    ["an escape at the end", "text\x1b", "text"],
    ["an escape that never ends loses its control characters", "\x1b]0;title", "0;title"],
    ["an escape inside of an escape", "\x1b\x1b[31m[31m", "[31m"],
    ["bidirectional overrides and isolates", "a\u202eb\u2066c\u2069d\u200fe\u061cf", "abcdef"],
    ["line and paragraph separators", "a\u2028b\u2029c", "abc"],
    ["a byte-order mark", "\ufeffa", "a"],
    ["joined emoji stay whole", "👩‍👩‍👧 é", "👩‍👩‍👧 é"],
    ["right-to-left letters stay", "שלום", "שלום"],
    ["lone surrogates are replaced", "a\ud83db\udc00c", "a\ufffdb\ufffdc"],
  ])("S23: %s", (_, raw, expected) => {
    expect(cleanText(raw, LIMIT)).toEqual({ text: expected, truncated: false });
  });
});

describe("the cut", () => {
  it.each([
    ["ASCII", "a", 1],
    ["two bytes", "é", 2],
    ["three bytes", "€", 3],
    ["an emoji, four bytes in two UTF-16 units", "😀", 4],
    ["a quote, which grows in JSON", '"', 2],
    ["a backslash, which grows in JSON", "\\", 2],
    ["a line feed, which grows in JSON", "\n", 2],
    ["what replaces a lone surrogate", "\ud800", 3],
  ])("S23: is exact and falls between characters: %s", (_, character, bytes) => {
    const fitting = Math.floor((LIMIT - 2) / bytes);
    const whole = character.repeat(fitting);
    const kept = whole.toWellFormed();
    expect(cleanText(whole, LIMIT)).toEqual({ text: kept, truncated: false });
    expect(cleanText(`${whole}${character}`, LIMIT)).toEqual({ text: kept, truncated: true });
    const rest = LIMIT - 2 - fitting * bytes;
    expect(cleanText(`${"x".repeat(rest)}${whole}`, LIMIT).truncated).toBe(false);
    expect(jsonBytes(clean(`${"x".repeat(rest)}${whole}`))).toBe(LIMIT);
  });

  it("S23: of a text of 1 MB is the beginning", () => {
    const { text, truncated } = cleanText("é".repeat(1_000_000), LIMIT);
    expect(truncated).toBe(true);
    expect(text).toBe("é".repeat(2047));
  });

  it("S23: of what is looked at falls between characters too", () => {
    const { text, truncated } = cleanText(`${"\0".repeat(65_535)}😀`, LIMIT);
    expect(truncated).toBe(true);
    expect(text).toBe("");
  });

  it.each([
    "\x90",
    "\x9d",
    "\x9d;",
    "\x1b]",
    "\x1b]a",
    "\x1bP\x9d",
    "\x1b[",
    "\x1b",
    "://",
    "://a",
    "://@",
    "?token=",
    "?a_",
    "\r\n",
    "\ud800",
  ])("S23: a text of any length costs no more than a bounded one: %j", (unit) => {
    // The work on four times the text is about four times as much; were it quadratic, it would be sixteen times.
    const cost = (length: number) => {
      const raw = unit.repeat(Math.ceil(length / unit.length));
      const times = Array.from({ length: 5 }, () => {
        const startedMs = performance.now();
        cleanText(raw, LIMIT);
        return performance.now() - startedMs;
      });
      return Math.min(...times);
    };
    cost(16_384);
    expect(cost(65_536)).toBeLessThan(10 * cost(16_384) + 20);
  });
});

describe("credentials in URLs", () => {
  it.each([
    ["user and password", "https://user:secret@host/path", "https://host/path"],
    ["up to the last @", "https://user:se@cret@host/path", "https://host/path"],
    ["a lone user, which may be a token", "https://ghp_secret@github.com/o/r", "https://github.com/o/r"],
    ["an empty user", "https://:secret@host", "https://host"],
    ["ssh", "ssh://git@host:22/o/r", "ssh://host:22/o/r"],
    ["any scheme", "postgres://u:secret@db/x?sslmode=on", "postgres://db/x?sslmode=on"],
    ["several in one text", "a https://u:s1@h b ftp://u:s2@h", "a https://h b ftp://h"],
    ["an @ in the path stays", "https://host/@scope/name@1.0", "https://host/@scope/name@1.0"],
    ["an @ in the query stays", "https://host?mail=a@b", "https://host?mail=a@b"],
    ["an scp-style address stays", "git@github.com:o/r.git", "git@github.com:o/r.git"],
    ["a mail address stays", "Ann <ann@example.com>", "Ann <ann@example.com>"],
    ["query tokens", "https://h/?a=1&access_token=secret&b=2", "https://h/?a=1&access_token=***&b=2"],
    ["whatever the case", "https://h/?Private_Token=secret", "https://h/?Private_Token=***"],
    ["in the fragment", "https://h/#id_token=secret", "https://h/#id_token=***"],
    [
      "signed links",
      "https://h/o?X-Amz-Signature=5ec&X-Goog-Signature=5ec",
      "https://h/o?X-Amz-Signature=***&X-Goog-Signature=***",
    ],
    [
      "names that end like a secret's",
      "https://h/?github_token=s&my-api-key=s",
      "https://h/?github_token=***&my-api-key=***",
    ],
    [
      "names that only begin like one stay",
      "https://h/?author=ann&tokens=3",
      "https://h/?author=ann&tokens=3",
    ],
  ])("S23: %s", (_, raw, expected) => {
    expect(redactUrls(raw)).toBe(expected);
    expect(clean(raw)).toBe(expected);
  });

  it("S23: hidden by control characters are found", () => {
    expect(clean("https:/\u202e/user\0:sec\x1b[31mret@host/")).toBe("https://host/");
  });

  it("S23: whose @ lies beyond what is looked at do not get out", () => {
    const raw = `${"\0".repeat(65_500)}https://user:secret-that-is-long-enough-to-be-split@host/`;
    expect(cleanText(raw, LIMIT)).toEqual({ text: "https://", truncated: true });
  });

  it("S23: whose @ lies beyond the cut do not get out", () => {
    const raw = `${"x".repeat(LIMIT - 20)} https://user:secret@host/`;
    expect(clean(raw)).not.toContain("secret");
  });
});

describe("any text", () => {
  const hostile = fc.array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\x1b",
        "\x1b[",
        "\x1b]",
        "\x1bP",
        "\x9d",
        "\x9b",
        "\x07",
        "\x9c",
        "\x1b\\",
        "\r",
        "\n",
        "\r\n",
      ),
      fc.constantFrom(
        "://",
        ":",
        "/",
        "@",
        "?",
        "&",
        "token=",
        "?token=*",
        "*",
        "#",
        "user",
        "secret",
        "\ud83d",
        "\ude00",
      ),
      fc.constantFrom("\u202e", "\u2066", "\u2028", "\ufeff", "\u0085", "😀", '"', "\\", "\t"),
    ),
    { maxLength: 40 },
  );
  const raw = hostile.map((parts) => parts.join(""));
  const limit = fc.integer({ min: 2, max: 200 });

  it("S23, S25: comes out well-formed, without controls, within the limit, and says when it was cut", () => {
    fc.assert(
      fc.property(raw, limit, (text, maxJsonBytes) => {
        const cleaned = cleanText(text, maxJsonBytes);
        expect(cleaned.text.isWellFormed()).toBe(true);
        expect(cleaned.text).not.toMatch(FORBIDDEN);
        expect(jsonBytes(cleaned.text)).toBeLessThanOrEqual(maxJsonBytes);
        const whole = clean(text, Number.POSITIVE_INFINITY);
        expect(cleaned.truncated).toBe(whole !== cleaned.text);
        expect(whole.startsWith(cleaned.text)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("S23, S25: is not changed by being cleaned twice", () => {
    fc.assert(
      fc.property(raw, limit, (text, maxJsonBytes) => {
        const once = clean(text, maxJsonBytes);
        expect(clean(once, maxJsonBytes)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });

  it("S23, S25: never gives away the password of a URL in it", () => {
    const word = fc.stringMatching(/^[a-z0-9.:@%~_-]{0,12}$/);
    fc.assert(
      fc.property(raw, word, word, word, raw, limit, (before, user, more, host, after, maxJsonBytes) => {
        const url = `https://${user}:SECRET${more}@${host}`;
        expect(clean(`${before} ${url} ${after}`, maxJsonBytes)).not.toContain("SECRET");
      }),
      { numRuns: 2_000 },
    );
  });
});
