// P1: which addresses lead to a repository at GitHub, and to which one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redactUrl } from "../../../src/collectors/git/redact-url.ts";
import {
  fullName,
  isSameRepository,
  parseFullName,
  parseRemoteUrl,
  type ResolveSettings,
} from "../../../src/collectors/github/remote-url.ts";

const GITHUB: ResolveSettings = {
  host: "github.com",
  hostOfAlias: (alias) => ({ work: "github.com", tunnel: "ssh.github.com", lab: "gitlab.com" })[alias],
};

/** `owner/name`, absent when it is no repository there. */
function nameOf(url: string, settings = GITHUB): string | undefined {
  const repository = parseRemoteUrl(url, settings);
  return repository && fullName(repository);
}

describe("P1: remote URLs", () => {
  test.each([
    "https://github.com/octo/app",
    "https://github.com/octo/app.git",
    "https://github.com/octo/app/",
    "https://github.com/octo/app.git/",
    "https://github.com:443/octo/app.git",
    "https://www.github.com/octo/app",
    "HTTPS://GitHub.com/octo/app.GIT",
    "https://user:secret@github.com/octo/app.git",
    "https://user:se@cret@github.com/octo/app.git",
    "http://github.com/octo/app",
    "  https://github.com/octo/app  ",
    "https://github.com/octo/app?x=y",
    "git://github.com/octo/app.git",
    "git://github.com:9418/octo/app.git",
    "ssh://git@github.com/octo/app.git",
    "ssh://git@github.com:22/octo/app.git",
    "ssh://git@ssh.github.com:443/octo/app.git",
    "git+ssh://git@github.com/octo/app.git",
    "ssh://github.com//octo/app",
    "git@github.com:octo/app.git",
    "git@github.com:/octo/app.git",
    "git@ssh.github.com:octo/app.git",
    "github.com:octo/app",
    "git@GITHUB.COM:octo/app",
    "org-1234@github.com:octo/app.git",
    "git@work:octo/app.git",
    "ssh://git@work:22/octo/app.git",
    "git@tunnel:octo/app.git",
  ])("%s is understood", (url) => {
    expect(parseRemoteUrl(url, GITHUB)).toEqual({ host: "github.com", owner: "octo", name: "app" });
  });

  test.each([
    "",
    "origin",
    ".",
    "/srv/git/octo/app.git",
    "../github.com/octo/app",
    "./github.com:octo/app",
    "dir/github.com:octo/app",
    "file:///github.com/octo/app",
    "file://github.com/octo/app",
    "https://github.com",
    "https://github.com/octo",
    "https://github.com/octo/app/tree/main",
    "https://github.com//octo/",
    "https://github.com/octo/..",
    "https://github.com/../app",
    "https://github.com/octo/.git",
    "https://github.com/octo/a%2Fb",
    "https://github.com/octo/a b",
    "https://github.com/o.cto/app",
    "https://gitlab.com/octo/app",
    "https://github.com.evil.example/octo/app",
    "https://github.com@evil.example/octo/app",
    "https://evil.example/github.com/octo/app",
    "https://api.github.com/octo/app",
    "https://gist.github.com/octo/0123456789abcdef",
    "https://work/octo/app",
    "git@lab:octo/app.git",
    "git@unknown:octo/app.git",
    "git@github.com:octo/app:x",
    "git@github.com:app",
    "ext::ssh git@github.com %S octo/app",
    "-oProxyCommand=evil:octo/app",
  ])("%s is no repository at GitHub", (url) => {
    expect(nameOf(url)).toBeUndefined();
  });

  test("names keep their case, and two that differ in nothing else are the same", () => {
    const [some, other] = ["https://github.com/Octo/App.js", "git@GitHub.com:octo/app.JS.git"].map((url) =>
      parseRemoteUrl(url, GITHUB),
    );
    expect([some, other].map((repository) => repository && fullName(repository))).toEqual([
      "Octo/App.js",
      "octo/app.JS",
    ]);
    expect(some && other && isSameRepository(some, other)).toBe(true);
  });

  test("another host counts instead of github.com, which is then a namesake on the wrong server", () => {
    const enterprise = { host: "GHE.example.com" };
    for (const url of ["https://ghe.example.com/octo/app", "git@ghe.example.com:octo/app.git"]) {
      expect(parseRemoteUrl(url, enterprise)).toEqual({
        host: "ghe.example.com",
        owner: "octo",
        name: "app",
      });
    }
    expect(nameOf("https://github.com/octo/app", enterprise)).toBeUndefined();
    expect(nameOf("ssh://git@ssh.github.com/octo/app", enterprise)).toBeUndefined();
    expect(nameOf("https://ghe.example.com/octo/app")).toBeUndefined();
  });

  test("full names have two parts, or three with the host", () => {
    const named = (text: string) => {
      const repository = parseFullName(text, GITHUB);
      return repository && fullName(repository);
    };
    expect(["octo/app", "github.com/octo/app", "GitHub.com/Octo/App"].map(named)).toEqual([
      "octo/app",
      "octo/app",
      "Octo/App",
    ]);
    for (const text of ["", "app", "octo/", "/app", "evil.com/octo/app", "a/b/c/d", "octo/..", "octo/a?b"]) {
      expect(named(text), text).toBeUndefined();
    }
  });

  const word = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9-]{0,20}$/);
  const secret = fc.stringMatching(/^[a-zA-Z0-9_.~!$&'()*+,;=%-]{1,30}$/);
  const repositories = fc.record({ owner: word, name: word });

  test("every form of an address leads to the repository, its credentials removed or not", () => {
    const forms = fc.constantFrom(
      (user: string, path: string) => `https://${user}@github.com/${path}`,
      (user: string, path: string) => `http://${user}:${user}@www.github.com/${path}`,
      (user: string, path: string) => `ssh://${user}@github.com:2222/${path}`,
      (_: string, path: string) => `git@github.com:${path}`,
      (_: string, path: string) => `git://github.com/${path}`,
      (_: string, path: string) => `git@work:/${path}`,
    );
    const ends = fc.constantFrom("", ".git", "/", ".git/");
    fc.assert(
      fc.property(repositories, secret, forms, ends, ({ owner, name }, user, form, end) => {
        const url = form(user, `${owner}/${name}${end}`);
        const expected = { host: "github.com", owner, name };
        expect(parseRemoteUrl(url, GITHUB)).toEqual(expected);
        expect(parseRemoteUrl(redactUrl(url), GITHUB)).toEqual(expected);
      }),
    );
  });

  test("S25: whatever the text, no owner or name leads elsewhere in a request's path", () => {
    const parts = fc.constantFrom(
      ..."https:// git@ github.com : / // .. . ? # % %2e \\ @ octo app .git \n \0 ü".split(" "),
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(parts).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (url) => {
        const repository = parseRemoteUrl(url, GITHUB);
        if (repository === undefined) return;
        const path = `/repos/${repository.owner}/${repository.name}/pulls`;
        expect(new URL(path, "https://api.github.com").pathname).toBe(path);
        expect(path.split("/")).toHaveLength(5);
      }),
      { numRuns: 2_000 },
    );
  });
});
