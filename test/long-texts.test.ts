// Long texts of one character, between a beginning and an end that make a pattern try again at each of them: what reads a text that
// a client, a repository or a service has written takes time in proportion to its length. Otherwise each line here takes minutes.

import { expect, test } from "vitest";
import { parseLastLogLine } from "../src/collectors/git/activity.ts";
import { parseCommit } from "../src/collectors/git/commit.ts";
import { gitFileTarget } from "../src/collectors/git/git-file.ts";
import { redactUrl } from "../src/collectors/git/redact-url.ts";
import { parseRemoteUrl } from "../src/collectors/github/remote-url.ts";
import { parseSshConfig } from "../src/collectors/github/ssh-config.ts";
import { SmallHeaders } from "../src/headers.ts";
import { chooseEncoding } from "../src/http/compression.ts";
import { provenanceOf } from "../src/http/guard/origin.ts";
import { createTokenCheck } from "../src/http/guard/token.ts";
import { createMetadataJson } from "../src/http/metadata-json.ts";
import { cleanText } from "../src/metadata/clean-text.ts";
import { MetadataService } from "../src/metadata/service.ts";
import { prefersOpenMetrics } from "../src/observability/exposition.ts";
import { createRedaction } from "../src/observability/redact.ts";
import { limitTimeout } from "../src/rpc/deadline.ts";

/** Longer than any of these texts can be, so that what grows with its square is far over the time of a test. */
const LENGTH = 1_000_000;

const json = createMetadataJson(new MetadataService({ collectors: [] }));
const hasToken = createTokenCheck("secret");
const redaction = createRedaction(["secret"]);
const authority = { host: "localhost", port: 8000 };

type Read = (text: string) => unknown;

/** What is read, how, and what the text may begin with. */
const READERS: readonly (readonly [what: string, read: Read, starts: readonly string[]])[] = [
  ["a commit", (text) => parseCommit(Buffer.from(text)), ["1234567\x00123\x001\x00name\x00"]],
  ["a line of a reflog", parseLastLogLine, ["", `0 ${"0".repeat(40)} `, `0 ${"0".repeat(40)} a> 1`]],
  ["a .git file", gitFileTarget, ["", "gitdir: "]],
  [
    "the address of a remote",
    (text) => parseRemoteUrl(text, { host: "github.com" }),
    ["", "https://", "https://github.com/a", "git@github.com:a"],
  ],
  ["an address that is shown", redactUrl, ["", "https://", "https://a/?", "ext::", "a:"]],
  ["a file of ssh", parseSshConfig, ["", "Host ", "Host=", 'Host "']],
  ["a text that is served", (text) => cleanText(text, 4_096), ["", "https://", "?a", "\x1b[", "\x1b]"]],
  ["a line of the log", (text) => redaction.clean(JSON.stringify({ text })), ["", "https://", "token "]],
  ["the header Accept-Encoding", chooseEncoding, ["", "br", "br;q=", "br;"]],
  ["the header Accept", prefersOpenMetrics, ["", "a", "a;", "a;version="]],
  [
    "the header Origin",
    (text) => provenanceOf({ origin: text }, authority, ["https://*.a"]),
    ["", "http://"],
  ],
  ["the header Authorization", hasToken, ["", "Bearer "]],
  ["the header If-None-Match", (text) => json.isSameState(text, 'W/"a.1.b"'), ["", 'W/"', 'W/"a.1.']],
  ["any header of an RPC", (text) => new SmallHeaders({ "x-header": text }), ["", "a"]],
  ["the header grpc-timeout", (text) => limitTimeout(new Headers({ "grpc-timeout": text })), ["", "1"]],
];

/** What the texts consist of, again and again. */
const PIECES = [
  ..." \n\t;,=/.:@?&#<>\"'-_0aS*\u001b",
  ...[
    "\r\n",
    "<>;",
    "a.",
    "a@",
    "://",
    "://a@",
    "?token=",
    "&a_",
    "; q=",
    "\u001b[",
    "\u001b]a",
    "a ",
    "a::",
    "a:",
  ],
];

test.each(READERS)("S25: %s, however long, is read in no time", (_, read, starts) => {
  for (const piece of PIECES) {
    for (const start of starts) {
      try {
        read(`${start}${piece.repeat(LENGTH / piece.length)}x`);
      } catch (error) {
        // What is wrong with a header, its class says by a TypeError.
        expect(error).toBeInstanceOf(TypeError);
      }
    }
  }
});
