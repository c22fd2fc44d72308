import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { isLoopback, isSameAddress, matchesHost, parseAuthority } from "../../../src/http/guard/host.ts";

/** Texts that look like an authority, and arbitrary ones. */
const authorityLike = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: fc.constantFrom("[", "]", ":", ".", "%", "@", "/", "a", "F", "0", "9", "-", "_", " ") }),
  fc.domain(),
  fc.ipV4Extended(),
  fc.ipV6().map((address) => `[${address}]:80`),
  fc.webAuthority({ withIPv4: true, withIPv6: true, withPort: true, withUserInfo: true }),
);

describe("parsing an authority", () => {
  it.each([
    ["localhost", "localhost", undefined],
    ["LOCALHOST:8000", "localhost", 8000],
    ["127.0.0.1:8000", "127.0.0.1", 8000],
    ["[::1]", "::1", undefined],
    ["[::1]:8000", "::1", 8000],
    ["[::FFFF:127.0.0.1]:1", "::ffff:127.0.0.1", 1],
    ["app--Agent--ws--me.coder.example.com", "app--agent--ws--me.coder.example.com", undefined],
    ["my_service:0", "my_service", 0],
    ["localhost.", "localhost", undefined],
    ["localhost.:80", "localhost", 80],
    ["localhost:65535", "localhost", 65_535],
  ])("%s is understood", (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ host, port });
  });

  test.each([
    "",
    " ",
    "[",
    "]",
    "[]",
    "[::1",
    "::1",
    "[::1%eth0]",
    "[127.0.0.1]",
    "[1:2]",
    "a b",
    "a,b",
    "localhost:",
    "localhost:99999",
    "localhost:65536",
    "127.0.0.1:abc",
    "127.0.0.1:+1",
    "127.0.0.1:80:80",
    ".",
    "..",
    ".localhost",
    "local..host",
    "localhost..",
    "user@localhost",
    "localhost/",
    "localhost?",
    "localhost#",
    "http://localhost",
    "*.example.com",
    "löcalhost",
    "local\u0000host",
    "localhost\n",
    "a".repeat(260),
    "1.2.3.4.5",
    "256.256.256.256",
    "name.999",
  ])("S1: %j is not a host", (text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });

  test("S25: no text makes it throw, and what it gives names one host in one way", () => {
    fc.assert(
      fc.property(authorityLike, (text) => {
        const authority = parseAuthority(text);
        if (authority) {
          const { host, port } = authority;
          expect(host).toMatch(/^[0-9a-z._:-]+$/);
          expect(port ?? 0).toBeLessThanOrEqual(65_535);
          expect(() => new URL(`http://${text}`)).not.toThrow();
          const again = host.includes(":") ? `[${host}]` : host;
          expect(parseAuthority(port === undefined ? again : `${again}:${port}`)).toEqual(authority);
        }
      }),
    );
  });
});

describe("loopback", () => {
  test.each(["localhost", "127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"])(
    "S2: %s is this machine",
    (host) => {
      expect(isLoopback(host)).toBe(true);
    },
  );

  test.each([
    "",
    "127.evil.example",
    "localhost.evil.example",
    "evil.localhost",
    "127.0.0.1.nip.io",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "128.0.0.1",
    "::",
    "::2",
    "fe80::1",
  ])("S2: %j is not", (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe("the same address", () => {
  test.each([
    ["10.0.0.7", "10.0.0.7"],
    ["10.0.0.7", "::ffff:10.0.0.7"],
    ["::ffff:a00:7", "10.0.0.7"],
    ["2001:db8::1", "2001:DB8:0:0::1"],
    ["fe80::1", "fe80::1%lo"],
  ])("S2: %s is %s", (a, b) => {
    expect(isSameAddress(a, b)).toBe(true);
  });

  test.each([
    ["10.0.0.7", "10.0.0.8"],
    ["10.0.0.7", ""],
    ["", ""],
    ["evil.example", "evil.example"],
    ["10.0.0.7", "fe80::1%not-an-interface"],
    ["10.0.0.7", "::a00:7"],
  ])("S2: %s is not %j", (a, b) => {
    expect(isSameAddress(a, b)).toBe(false);
  });

  test("S25: no pair of hosts makes it throw", () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV6().map((text) => `${text}%eth0`),
      fc.string(),
    );
    fc.assert(
      fc.property(address, address, (a, b) => {
        expect(isSameAddress(a, b)).toBe(isSameAddress(b, a));
        expect(typeof isLoopback(a)).toBe("boolean");
      }),
    );
  });
});

describe("host patterns", () => {
  it.each([
    ["ws.example.com", "ws.example.com"],
    ["a.example.com", "*.example.com"],
    ["a.b.example.com", "*.example.com"],
    ["8000--agent--ws--me.apps.example.com", "*--ws--me.apps.example.com"],
    ["slug--ws--me.apps.example.com", "*--ws--me.apps.example.com"],
    ["2001:db8:0::1", "2001:db8::1"],
  ])("%s matches %s", (host, pattern) => {
    expect(matchesHost(host, pattern)).toBe(true);
  });

  it.each([
    ["example.com", "*.example.com"],
    [".example.com", "*.example.com"],
    ["evil-example.com", "*.example.com"],
    ["a.example.com.evil.example", "*.example.com"],
    ["--ws--me.apps.example.com", "*--ws--me.apps.example.com"],
    ["evil.x--ws--me.apps.example.com", "*--ws--me.apps.example.com"],
    ["x--other--me.apps.example.com", "*--ws--me.apps.example.com"],
    ["ws.example.com", "ws.example.org"],
    ["anything", "*"],
    ["anything.example", "*"],
  ])("%s does not match %s", (host, pattern) => {
    expect(matchesHost(host, pattern)).toBe(false);
  });

  it("never matches a host that does not end as the pattern does", () => {
    fc.assert(
      fc.property(fc.domain(), fc.domain(), (host, name) => {
        fc.pre(!host.endsWith(name));
        expect(matchesHost(host, name) || matchesHost(host, `*.${name}`)).toBe(false);
      }),
    );
  });
});
