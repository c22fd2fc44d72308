import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  allowedOrigin,
  coderHosts,
  durationMs,
  hostPattern,
  listenAddress,
  loopbackUrl,
} from "../src/config-values.ts";

describe("an address to listen on", () => {
  it.each([
    [undefined, { host: "127.0.0.1", port: 8000 }, true],
    [":0", { host: "127.0.0.1", port: 0 }, true],
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }, true],
    ["127.8.9.10:1", { host: "127.8.9.10", port: 1 }, true],
    ["localhost:65535", { host: "localhost", port: 65_535 }, true],
    ["[::1]:80", { host: "::1", port: 80 }, true],
    ["0.0.0.0:8000", { host: "0.0.0.0", port: 8000 }, false],
    ["[::]:8000", { host: "::", port: 8000 }, false],
    ["10.0.0.1:8000", { host: "10.0.0.1", port: 8000 }, false],
    ["127.evil.example:80", { host: "127.evil.example", port: 80 }, false],
    ["localhost.evil.example:80", { host: "localhost.evil.example", port: 80 }, false],
    ["my-host:80", { host: "my-host", port: 80 }, false],
    ["[::ffff:10.0.0.1]:80", { host: "::ffff:10.0.0.1", port: 80 }, false],
    ["unix:/run/fleet.sock", { path: "/run/fleet.sock" }, true],
  ])("is understood: %s", (text, address, isLoopback) => {
    expect(listenAddress.parse(text)).toMatchObject({ address, isLoopback });
  });

  it.each([
    "",
    "8000",
    "host",
    "host:",
    "host:65536",
    "host:123456",
    "host:-1",
    "host:x",
    "[::1]",
    "::1:80",
    "[host]:80",
    "a b:80",
    "a/b:80",
    "user@host:80",
    "http://h:80",
    "unix:",
    "[::1]x:80",
    " :80",
    "host:8 0",
  ])("is refused: %j", (text) => {
    const { error } = listenAddress.safeParse(text);
    expect(error?.issues[0]?.message).toBe(
      "allowed is host:port with a port of 0 to 65535, :port, or unix:PATH",
    );
  });

  it.each([
    ["127.0.0.1:8000", "http://127.0.0.1:8000"],
    ["0.0.0.0:8000", "http://127.0.0.1:8000"],
    ["[::]:8000", "http://127.0.0.1:8000"],
    ["[::1]:8000", "http://[::1]:8000"],
    ["unix:/run/fleet.sock", "unix:/run/fleet.sock"],
  ])("is reached from this machine: %s", (text, url) => {
    expect(loopbackUrl(listenAddress.parse(text), "http")).toBe(url);
  });

  it("S25: of any text throws nothing, and what is understood has a port that exists", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^(\[?[a-z0-9:.%-]{0,12}\]?|unix):\d{0,7}$/),
    );
    fc.assert(
      fc.property(text, (value) => {
        const { data } = listenAddress.safeParse(value);
        if (data && "port" in data.address) {
          expect(data.address.port).toBeGreaterThanOrEqual(0);
          expect(data.address.port).toBeLessThanOrEqual(65_535);
        }
      }),
    );
  });
});

describe("a duration", () => {
  const duration = durationMs({ min: 100, max: 600_000, fallback: 5_000 });

  it.each([
    [undefined, 5_000],
    ["100ms", 100],
    ["0.1s", 100],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["600000ms", 600_000],
  ])("is understood: %s", (text, ms) => {
    expect(duration.parse(text)).toBe(ms);
  });

  it.each([
    "",
    "5",
    "s",
    "5 s",
    "-5s",
    "+5s",
    "1e3s",
    "5h",
    "5S",
    ".5s",
    "5.s",
    "99ms",
    "600001ms",
    "11m",
    "0s",
    "99999999s",
    "NaNs",
    "Infinitys",
  ])("is refused: %j", (text) => {
    const { error } = duration.safeParse(text);
    expect(error?.issues[0]?.message).toBe(
      "allowed is a duration such as 500ms, 5s or 1m, from 100 ms to 600000 ms",
    );
  });
});

describe("an allowed host", () => {
  it.each([
    ["example.com", "example.com"],
    ["EXAMPLE.com", "example.com"],
    ["*.Example.com", "*.example.com"],
    ["localhost", "localhost"],
    ["10.0.0.1", "10.0.0.1"],
    ["::1", "::1"],
  ])("is understood: %s", (text, pattern) => {
    expect(hostPattern.parse(text)).toBe(pattern);
  });

  it.each([
    "",
    "*",
    "*.",
    "*.*.com",
    "a.*.com",
    "*example.com",
    "host:80",
    "https://host",
    "a b",
    "a..b",
    ".a",
    "a.",
    "[::1]",
    "a/b",
    "é.example",
  ])("is refused: %j", (text) => {
    expect(hostPattern.safeParse(text).error?.issues[0]?.message).toBe(
      "allowed is a host name without port, or *.name",
    );
  });
});

describe("an allowed origin", () => {
  it.each([
    ["https://example.com", "https://example.com"],
    ["HTTP://Example.com:8080", "http://example.com:8080"],
    ["https://*.example.com", "https://*.example.com"],
    ["vscode-webview://abc", "vscode-webview://abc"],
  ])("is understood: %s", (text, origin) => {
    expect(allowedOrigin.parse(text)).toBe(origin);
  });

  it.each([
    "",
    "*",
    "null",
    "example.com",
    "https://",
    "https://*",
    "https://example.com/",
    "https://example.com/path",
    "https://user@example.com",
    "https://a.com:",
    "https://a.com:123456",
    "https://a.com?x",
  ])("is refused: %j", (text) => {
    expect(allowedOrigin.safeParse(text).error?.issues[0]?.message).toBe(
      "allowed is an origin without path: https://host, https://host:port or https://*.host",
    );
  });
});

describe("Coder's names for a workspace", () => {
  const proxy = (uri: string) => coderHosts({ VSCODE_PROXY_URI: uri });

  it("are every port and app of this workspace, and no other workspace's", () => {
    expect(proxy("https://{{port}}--main--login-fix--ann.apps.example.com")).toEqual([
      "*--login-fix--ann.apps.example.com",
    ]);
    expect(proxy("https://{{port}}--Main--Login-Fix--Ann.Apps.Example.com/")).toEqual([
      "*--login-fix--ann.apps.example.com",
    ]);
    expect(proxy("https://{{port}}--login-fix--ann.apps.example.com:8443")).toEqual([
      "*--login-fix--ann.apps.example.com",
    ]);
    expect(proxy("https://{{port}}--a--w--o-suffix.example.com")).toEqual(["*--w--o-suffix.example.com"]);
  });

  it("are the host of the access URL, for apps that are told apart by path", () => {
    expect(coderHosts({ CODER_AGENT_URL: "https://Coder.example.com/" })).toEqual(["coder.example.com"]);
    expect(coderHosts({ CODER_URL: "http://coder.example.com:7080/x" })).toEqual(["coder.example.com"]);
  });

  it.each([
    [{}],
    [{ VSCODE_PROXY_URI: "" }],
    [{ VSCODE_PROXY_URI: "https://coder.example.com/@ann/w.main/apps/code/ports/{{port}}/" }],
    [{ VSCODE_PROXY_URI: "https://evil.example/{{port}}--a--w--o.apps.example.com" }],
    [{ VSCODE_PROXY_URI: "https://{{port}}--only.apps.example.com" }],
    [{ VSCODE_PROXY_URI: "https://{{port}}.apps.example.com" }],
    [{ CODER_AGENT_URL: "not a url", CODER_URL: "" }],
  ])("are none: %j", (env) => {
    expect(coderHosts(env)).toEqual([]);
  });

  it("S25: of any variables are host names or patterns of them", () => {
    const label = fc.stringMatching(/^[a-z0-9{}*. :/@-]{0,10}$/);
    fc.assert(
      fc.property(fc.array(label), fc.string({ unit: "binary" }), (labels, other) => {
        for (const uri of [`https://{{port}}--${labels.join("--")}`, other, `https://${other}`]) {
          for (const host of coderHosts({ VSCODE_PROXY_URI: uri, CODER_URL: uri })) {
            expect(host).toMatch(/^[^\s/@?#]*$/);
            expect(host.startsWith("*.")).toBe(false);
            expect(host).not.toBe("*");
          }
        }
      }),
    );
  });
});
