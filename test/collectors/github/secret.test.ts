// Whatever goes wrong, nothing that comes out holds the token.

import { inspect } from "node:util";
import { expect, test } from "vitest";
import { redact } from "../../../src/collectors/github/redact.ts";
import { createTokenSource } from "../../../src/collectors/github/token.ts";
import { createTransport } from "../../../src/collectors/github/transport.ts";
import { type Fault, failure, secondaryLimit } from "../../helpers/github.ts";
import { rejection, startGatedGitHub } from "../../helpers/github-api.ts";
import { until } from "../../helpers/wait.ts";

const TOKENS = [
  "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
  "github_pat_11ABCDEFG0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890",
  `ghs_1234567_eyJhbGciOiJSUzI1NiJ9.${"eyJpc3MiOiIxMjM0In0".repeat(20)}.SflKxwRJSM-eKKF2QT4_fwpMeJf36P`,
  "0123456789abcdef0123456789abcdef01234567",
  "a+token/that=needs?encoding",
];

/** Answers that repeat what they were asked with, as proxies do. */
function echoes(token: string): Fault[] {
  const body = JSON.stringify({ message: `no entry with Bearer ${token} or ${encodeURIComponent(token)}` });
  const answers: Fault[] = [400, 401, 403, 404, 422, 500].map((status) => ({ kind: "answer", status, body }));
  return [
    ...answers,
    secondaryLimit(),
    failure(502),
    { kind: "reset" },
    { kind: "cut" },
    { kind: "answer", status: 200, body: token },
    {
      kind: "answer",
      status: 302,
      headers: { location: `https://${encodeURIComponent(token)}@evil.example/` },
    },
    { kind: "answer", status: 301, headers: { location: `/repos/${encodeURIComponent(token)}/x` } },
    {
      kind: "answer",
      status: 403,
      body: "{}",
      headers: {
        "x-github-sso": `required; url=https://github.com/orgs/o/sso?a=${encodeURIComponent(token)}`,
      },
    },
    { kind: "answer", status: 403, body: "{}", headers: { "x-accepted-github-permissions": token } },
  ];
}

test.each(TOKENS)("P20: %s is in no error and no line of the log, whatever GitHub answers", async (token) => {
  for (const fault of echoes(token)) {
    const { github, logged, time, pulls } = await startGatedGitHub({ token: createTokenSource({ token }) });
    github.token(token);
    github.faults.add(fault, 4);
    let isOver = false;
    const failed = rejection(pulls()).finally(() => {
      isOver = true;
    });
    await until(() => isOver || time.timersMs[0] === 625, "the answer, or the pause");
    await time.advance(625);
    const error = await failed;
    const emitted = [
      inspect(error, { depth: Infinity, showHidden: true }),
      String(error),
      JSON.stringify(error),
    ];
    emitted.push(
      error instanceof Error ? `${error.stack} ${inspect(error.cause)}` : "",
      JSON.stringify(logged),
    );
    for (const text of emitted) {
      expect(text).not.toContain(token);
      expect(text).not.toContain(encodeURIComponent(token));
    }
    expect(github.books.requests[0]?.token).toBe(token);
  }
});

test.each(TOKENS)("P20: %s is not in an error of the network", async (token) => {
  const thrown = Object.assign(new Error(`invalid header "Bearer ${token}"`), {
    request: { headers: { authorization: token } },
  });
  const { time, pulls } = await startGatedGitHub({
    token: createTokenSource({ token }),
    transport: () => Promise.reject(thrown),
  });
  const failed = rejection(pulls());
  await until(() => time.timersMs[0] === 625, "the pause");
  await time.advance(625);
  expect(inspect(await failed, { depth: Infinity, showHidden: true })).not.toContain(token);
});

test("P20: the token is sent to the configured address alone, and in no address", async () => {
  const sent: string[] = [];
  const http = createTransport();
  const { github, pulls } = await startGatedGitHub({
    token: createTokenSource({ token: TOKENS[0] ?? "" }),
    transport: (url, headers, signal) => {
      sent.push(url.href);
      return http(url, headers, signal);
    },
  });
  github.repo("o/n").rename("p/q");
  await pulls();
  expect(sent).toHaveLength(2);
  for (const url of sent) {
    expect(url.startsWith(`${github.apiUrl}/`)).toBe(true);
    expect(url).not.toContain(TOKENS[0]);
  }
});

test("P20: what looks like a token is removed wherever it stands", () => {
  for (const token of TOKENS.slice(0, 3)) {
    expect(redact(`a ${token}, b`, undefined)).toBe("a [redacted], b");
    expect(redact(`url=https://x:${token}@host`, undefined)).toBe("url=https://x:[redacted]@host");
  }
  expect(redact("nothing to hide", TOKENS[0])).toBe("nothing to hide");
});
