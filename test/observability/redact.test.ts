// What the log takes out of its lines: by value what the server was given, by its look what others were given.

import { once } from "node:events";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLog } from "../../src/observability/log.ts";
import { createRedaction, REDACTED } from "../../src/observability/redact.ts";

function redacted(text: string, secrets: readonly string[] = []): string {
  const { text: cleaned } = JSON.parse(createRedaction(secrets).clean(JSON.stringify({ text }))) as {
    text: string;
  };
  return cleaned;
}

describe("a secret is taken out by its look", () => {
  test.each([
    [`a ghp_${"a1B2".repeat(9)} b`, `a ${REDACTED} b`],
    [`github_pat_${"x".repeat(22)}_${"y".repeat(59)}`, REDACTED],
    [`ghs_${"a".repeat(36)}, gho_${"b".repeat(36)}`, `${REDACTED}, ${REDACTED}`],
    [`(ghs_12345_${"ey.J-".repeat(80)}z)`, `(${REDACTED})`],
    ["Authorization: Bearer abc.def+/=", `Authorization: Bearer ${REDACTED}`],
    ["authorization: bearer   a", `authorization: bearer ${REDACTED}`],
    ["https://user:pa%20ss@host/path", `https://${REDACTED}@host/path`],
    [
      "ssh://git@host:22/a and http://x-access-token:t@b",
      `ssh://${REDACTED}@host:22/a and http://${REDACTED}@b`,
    ],
    ["GET /a?token=abc&b=1", `GET /a?token=${REDACTED}&b=1`],
  ])("%s", (text, expected) => {
    expect(redacted(text)).toBe(expected);
  });
});

test.each([
  "listening on http://127.0.0.1:8000",
  "the branch feature/token of octo/app at user@example.com",
  "send the header Authorization: Bearer <token>",
  "https://github.com/octo/app/pull/1?a=b#c@d",
])("what is none stays: %s", (text) => {
  expect(redacted(text, ["", "s3cret"])).toBe(text);
});

test("a secret is taken out by its value, wherever it stands and however JSON spells it", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii", minLength: 1 }).filter((secret) => !REDACTED.includes(secret)),
      fc.string(),
      fc.string(),
      (secret, before, after) => {
        const line = JSON.stringify({ level: 30, err: { stack: [`${before}${secret}${after}`] } });
        const cleaned = JSON.parse(createRedaction([secret]).clean(line)) as {
          level: 30;
          err: { stack: string[] };
        };
        expect(cleaned.level).toBe(30);
        expect(cleaned.err.stack[0]?.replaceAll(REDACTED, "")).not.toContain(secret);
      },
    ),
  );
});

test("a token that is read later is taken out from then on, and so many of them", () => {
  const redaction = createRedaction(["given"]);
  for (let turn = 0; turn < 1_000; turn += 1) {
    redaction.learn(`learned-${turn}.`);
    redaction.learn("");
  }
  const line = redaction.clean(JSON.stringify({ text: "given learned-0. learned-990. learned-999." }));
  expect(JSON.parse(line)).toEqual({ text: `${REDACTED} learned-0. ${REDACTED} ${REDACTED}` });
});

test("the longer one of two goes first", () => {
  expect(redacted("abcdef", ["abc", "abcdef"])).toBe(REDACTED);
});

test.each(["json", "pretty"] as const)(
  "nothing that is logged as %s holds one, errors included",
  async (format) => {
    let output = "";
    const destination = new PassThrough().on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const log = await createLog({
      level: "trace",
      format,
      redaction: createRedaction(['to"ken-1']),
      destination,
    });
    log.info({ nested: { deep: ['to"ken-1'] } }, 'it is to"ken-1');
    log.error({ err: new Error('to"ken-1', { cause: new Error(`ghp_${"a".repeat(36)}`) }) }, "failed");
    log.child({ bound: "Bearer abc" }).debug("said");
    destination.end();
    await once(destination, "end");
    expect(output.split("\n").length).toBeGreaterThan(3);
    expect(output).toContain(REDACTED);
    expect(output).not.toMatch(/ken-1|ghp_|abc/);
  },
);
