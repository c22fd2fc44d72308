// The pure parts: whatever is put into them, they answer, and what they answer is right.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CollectError } from "../../../src/collectors/collector.ts";
import { parseLastLogLine } from "../../../src/collectors/git/activity.ts";
import { parseCommit } from "../../../src/collectors/git/commit.ts";
import { type Config, parseConfig } from "../../../src/collectors/git/config.ts";
import { parseNumstat, parseShortstat } from "../../../src/collectors/git/diff.ts";
import { parseDivergence } from "../../../src/collectors/git/divergence.ts";
import { blankedFilters } from "../../../src/collectors/git/filters.ts";
import { parseTodo } from "../../../src/collectors/git/operation.ts";
import { parseFiles } from "../../../src/collectors/git/quick-look.ts";
import { redactUrl } from "../../../src/collectors/git/redact-url.ts";
import { defaultBranch, parseRefs } from "../../../src/collectors/git/refs.ts";
import { chooseRemote } from "../../../src/collectors/git/remote.ts";
import { parseStatus } from "../../../src/collectors/git/status.ts";
import { parseMounts } from "../../../src/collectors/git/watch-mounts.ts";

describe("G28: redactUrl", () => {
  test.each([
    ["https://github.com/owner/name.git", "https://github.com/owner/name.git"],
    ["https://user:secret@github.com/owner/name", "https://github.com/owner/name"],
    ["https://ghp_secret@github.com/owner/name", "https://github.com/owner/name"],
    ["https://user:sec@ret@github.com/owner/name", "https://github.com/owner/name"],
    ["https://user:sec/ret@github.com/owner/name", "https://github.com/owner/name"],
    ["https://user:sec#ret@github.com/owner/name", "https://github.com/owner/name"],
    ["https://user:secret%40github.com/owner", "https://github.com/owner"],
    ["https://user%3Asecret%40github.com/owner", "https://github.com/owner"],
    ["https:/user:secret@github.com/owner", "https:/github.com/owner"],
    ["https:\\\\user:secret@github.com\\owner", "https:\\\\github.com\\owner"],
    ["host:/srv/a@b/name.git", "host:/srv/a@b/name.git"],
    ["HTTPS://user:secret@GitHub.com:8443/owner/@scope/name", "HTTPS://GitHub.com:8443/owner/@scope/name"],
    ["https://user:secret@[::1]:8080/name", "https://[::1]:8080/name"],
    ["ssh://git@github.com/owner/name.git", "ssh://github.com/owner/name.git"],
    ["git@github.com:owner/name.git", "git@github.com:owner/name.git"],
    ["user:secret@host:owner/name", "user@host:owner/name"],
    ["https://host/name?access_token=secret", "https://host/name"],
    ["https://host/name?a=1&private%5Ftoken=secret&b=2#key=secret", "https://host/name?a=1&b=2"],
    ["https://host/name?token=secret&b=2", "https://host/name?b=2"],
    ["codecommit::https://user:secret@host/name", "codecommit::https://host/name"],
    ["ext::sh -c 'curl -H Authorization:secret https://user:secret@host/x'", "ext::***"],
    ["/srv/git/a@b/name.git", "/srv/git/a@b/name.git"],
    ["../relative:name", "../relative:name"],
    ["", ""],
  ])("G28: %s", (url, expected) => {
    expect(redactUrl(url)).toBe(expected);
  });

  const secret = fc.stringMatching(/^[!-~]{6,20}$/).map((text) => `Q7${text}7Q`);
  const scheme = fc.constantFrom("https://", "http://", "ssh://", "git+ssh://", "HTTPS://");

  test("G28: no password of any kind is left", () => {
    fc.assert(
      fc.property(scheme, fc.stringMatching(/^[a-z]{0,8}$/), secret, (start, user, password) => {
        expect(redactUrl(`${start}${user}:${password}@host.example/owner/name`)).not.toContain(password);
      }),
    );
  });

  test("G28, S25: any text gives a text, and redacting it again changes nothing", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true, withFragments: true })),
        (text) => {
          const once = redactUrl(text);
          expect(redactUrl(once)).toBe(once);
        },
      ),
    );
  });

  test("G28: a long hostile address takes no time worth measuring", () => {
    for (const part of ["@", ":", "a", "a:", "://", "?a=", "a::", "&", " "]) {
      expect(redactUrl(`https://${part.repeat(50_000)}`).length).toBeGreaterThan(0);
      redactUrl(part.repeat(50_000));
    }
  });
});

describe("parsers", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
    fc.string().map((text) => Buffer.from(text)),
    fc
      .array(
        fc.constantFrom(
          "1 ",
          "2 ",
          "u ",
          "? ",
          "# branch.oid ",
          "# stash ",
          "M.",
          ".M ",
          "\0",
          "\n",
          "local",
          "x",
          " ",
        ),
      )
      .map((parts) => Buffer.from(parts.join(""))),
  );

  test("G8, S25: no input makes them throw anything but the room's own error", () => {
    fc.assert(
      fc.property(bytes, fc.boolean(), (input, truncated) => {
        parseStatus(input, truncated);
        parseCommit(input);
        const text = input.toString("utf8");
        parseShortstat(text);
        parseNumstat(text);
        parseFiles(text);
        parseMounts(text);
        parseDivergence(text);
        parseRefs(text);
        parseTodo(text);
        parseLastLogLine(text);
        defaultBranch(parseRefs(text), text);
        try {
          const config = parseConfig(input);
          chooseRemote(config, text);
          blankedFilters(config);
        } catch (error) {
          expect(error).toBeInstanceOf(CollectError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("G8: status counts what it is given, whatever the names are", () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !text.includes("\0"));
    const line = fc.oneof(
      name.map((path) => ({ kind: "staged", text: `1 M. N... 100644 100644 100644 a b ${path}` })),
      name.map((path) => ({ kind: "modified", text: `1 .M N... 100644 100644 100644 a b ${path}` })),
      name.map((path) => ({ kind: "untracked", text: `? ${path}` })),
      name.map((path) => ({ kind: "conflicted", text: `u UU N... 1 1 1 1 a b c ${path}` })),
      fc
        .tuple(name, name)
        .map(([to, from]) => ({ kind: "staged", text: `2 R. N... 1 1 1 a b R100 ${to}\0${from}` })),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const count = (kind: string) => lines.filter((each) => each.kind === kind).length;
        expect(parseStatus(Buffer.from(lines.map(({ text }) => `${text}\0`).join("")))).toMatchObject({
          staged: count("staged"),
          modified: count("modified"),
          untracked: count("untracked"),
          conflicted: count("conflicted"),
        });
      }),
    );
  });

  test("G19: a last line that was cut off is not counted", () => {
    expect(parseStatus(Buffer.from("? one\0? two\0? thr"), true)).toMatchObject({
      untracked: 2,
      truncated: true,
    });
  });

  test("the last entry of a reflog", () => {
    const [old, oid] = ["a".repeat(40), "b".repeat(40)];
    const line = `${old} ${oid} A <b> C <a@b.example> 1700000000 +0100\tcommit: <x> 1 +0000\n`;
    expect(parseLastLogLine(`cut off\n${line}`)).toEqual({ oid, atMs: 1_700_000_000_000 });
    expect(parseLastLogLine("")).toBeUndefined();
  });

  test("counts that are not there are unknown, not 0", () => {
    expect(parseDivergence("")).toBeUndefined();
    expect(parseDivergence("1\t2\n")).toEqual({ ahead: 1, behind: 2 });
  });
});

describe("configuration", () => {
  const entry = (key: string, value: string, fromRepository = true) => ({
    key,
    value,
    fromRepository,
    origin: "file:x",
  });

  test("G23: every filter that the repository names is blanked, the user's own are not", () => {
    const config: Config = [
      entry("filter.lfs.clean", "git-lfs clean", false),
      entry("filter.x=y.clean", "evil"),
      entry("filter.a.b.process", "evil"),
    ];
    expect(blankedFilters(config).map(([key]) => key)).toEqual(
      ["x=y", "a.b"].flatMap((name) =>
        ["clean", "smudge", "process", "required"].map((what) => `filter.${name}.${what}`),
      ),
    );
    expect(blankedFilters([...config, entry("lfs.extension.evil.clean", "evil")])).toContainEqual([
      "filter.lfs.clean",
      "",
    ]);
  });

  test("G23: what cannot be blanked is refused", () => {
    const latin = Buffer.from("local\0file:.git/config\0filter.\xff.clean\nevil\0", "latin1");
    expect(() => parseConfig(latin)).toThrow(CollectError);
    const many = Array.from({ length: 201 }, (_, index) => entry(`filter.${index}.clean`, "evil"));
    expect(() => blankedFilters(many)).toThrow(CollectError);
  });

  test("the remote is the branch's, else origin, else the first", () => {
    const config: Config = [
      entry("remote.fork.url", "https://host/fork"),
      entry("remote.origin.url", "https://host/origin"),
      entry("remote.Mixed.Case.url", "https://host/mixed"),
      entry("branch.topic.remote", "Mixed.Case"),
      entry("branch.local.remote", "."),
    ];
    expect(chooseRemote(config, "topic")).toEqual({ name: "Mixed.Case", url: "https://host/mixed" });
    expect(chooseRemote(config, "local")).toEqual({ name: "origin", url: "https://host/origin" });
    expect(chooseRemote(config.slice(0, 1), undefined)).toEqual({ name: "fork", url: "https://host/fork" });
    expect(chooseRemote([], undefined)).toBeUndefined();
  });

  test("the longest insteadOf wins, and the first address counts", () => {
    const config: Config = [
      entry("remote.origin.url", "gh:team/name"),
      entry("remote.origin.url", "https://second/"),
      entry("url.https://short/.insteadof", "gh:"),
      entry("url.https://long/.insteadof", "gh:team/"),
    ];
    expect(chooseRemote(config, undefined)).toEqual({ name: "origin", url: "https://long/name" });
  });
});
