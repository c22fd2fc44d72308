// P1: an ssh host alias, without running what the configuration of ssh says is to be run.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostOfAlias, parseSshConfig, readSshConfig } from "../../../src/collectors/github/ssh-config.ts";
import { readHostAliases } from "../../../src/collectors/github/ssh-files.ts";
import { temporaryDirectory } from "../../helpers/repository.ts";

const NO_FILE = "/absent/ssh_config";

/** The files of a home directory by their paths in it. */
async function aliasesIn(files: Readonly<Record<string, string>>) {
  const home = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  return { home, hostOf: await readHostAliases(home, NO_FILE) };
}

describe("P1: ssh host aliases", () => {
  test("the first HostName of a block that applies counts", async () => {
    const { hostOf } = await aliasesIn({
      ".ssh/config": [
        "# a comment",
        "Host work gh-*",
        "  User git",
        "  HostName github.com",
        "host=quoted",
        '  hostname = "github.com" # and why',
        "Host *.corp !bad.corp",
        "\tHostName %h.example.com",
        "Host work",
        "  HostName gitlab.com",
        "Host all?",
        "HostName github.com",
      ].join("\r\n"),
    });
    expect(["work", "WORK", "gh-1", "quoted", "allx"].map(hostOf)).toEqual(Array(5).fill("github.com"));
    expect(hostOf("git.corp")).toBe("git.corp.example.com");
    expect(["bad.corp", "other", "all", ""].map(hostOf)).toEqual(Array(4).fill(undefined));
  });

  test("other files are included, where they stand and no deeper than ssh does", async () => {
    const { hostOf } = await aliasesIn({
      ".ssh/config":
        "Include conf.d/*.conf ~/elsewhere\nInclude absent\nHost inner-*\n  Include inner\nHost two\n  HostName b.example\n",
      ".ssh/conf.d/1.conf": "Host one\n  HostName a.example\n",
      ".ssh/conf.d/2.conf": "Host one two\n  HostName c.example\n",
      ".ssh/conf.d/3.other": "Host three\n  HostName d.example\n",
      ".ssh/inner": "HostName e.example\nHost outer\n  HostName f.example\n",
      elsewhere: "Include ~/elsewhere\nHost four\n  HostName g.example\n",
    });
    expect(["one", "two", "three", "four"].map(hostOf)).toEqual([
      "a.example",
      "c.example",
      undefined,
      "g.example",
    ]);
    expect(["inner-1", "outer"].map(hostOf)).toEqual(["e.example", undefined]);
  });

  test("no program is run, and what depends on one does not apply", async () => {
    const home = temporaryDirectory();
    const canary = join(home, "canary");
    const config = [
      `Match exec "touch ${canary}"`,
      "  HostName a.example",
      `Match host work exec "touch ${canary}"`,
      "  HostName b.example",
      "Match user git",
      "  HostName c.example",
      "Match originalhost work,play",
      "  HostName d.example",
      "Match all",
      "  HostName e.example",
    ].join("\n");
    mkdirSync(join(home, ".ssh"));
    writeFileSync(join(home, ".ssh", "config"), config);
    const hostOf = await readHostAliases(home, NO_FILE);
    expect(["work", "play", "other"].map(hostOf)).toEqual(["d.example", "d.example", "e.example"]);
    expect(() => execFileSync("test", ["-e", canary])).toThrow();
  });

  test("a FIFO, a directory and a missing file are no configuration", async () => {
    for (const make of ["mkfifo", "mkdir", "true"]) {
      const home = temporaryDirectory();
      mkdirSync(join(home, ".ssh"));
      execFileSync(make, [join(home, ".ssh", "config")]);
      expect((await readHostAliases(home, NO_FILE))("work"), make).toBeUndefined();
    }
    expect((await readHostAliases(undefined, NO_FILE))("work")).toBeUndefined();
  });

  test("S25: no text makes it throw, or take long", async () => {
    const words = fc.constantFrom(
      "Host",
      "HostName",
      "Match",
      "Include",
      "all",
      "*",
      "!",
      "?",
      "=",
      '"',
      "#",
      " ",
      "\n",
      "~/",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words).map((all) => all.join("")),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.string(), async (config, alias) => {
        parseSshConfig(config);
        const files = { read: async () => config, list: async () => ["a", "b"] };
        hostOfAlias([await readSshConfig(files, "/home/me/.ssh/config", "/home/me")], alias);
      }),
      { numRuns: 300 },
    );
    const stars = [
      await readSshConfig(
        { read: async () => `Host ${"*a".repeat(200)}\nHostName x`, list: async () => [] },
        "/c",
        "/",
      ),
    ];
    expect(hostOfAlias(stars, "a".repeat(199))).toBeUndefined();
  });
});
