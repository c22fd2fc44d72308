import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAuthority } from "../../../src/http/guard/host.ts";
import { provenanceOf } from "../../../src/http/guard/origin.ts";
import { createTokenCheck } from "../../../src/http/guard/token.ts";

/** Texts that look like an origin, and arbitrary ones. */
const originLike = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({
    unit: fc.constantFrom(
      "http",
      "https",
      "://",
      ":",
      "/",
      "localhost",
      "8000",
      "@",
      "[::1]",
      ".",
      ",",
      " ",
      "a",
    ),
  }),
  fc.webUrl({ authoritySettings: { withIPv4: true, withIPv6: true, withPort: true, withUserInfo: true } }),
  fc
    .tuple(fc.constantFrom("http://", "https://", "x://"), fc.webAuthority({ withPort: true }))
    .map((parts) => parts.join("")),
);
const OURS = parseAuthority("localhost:8000") ?? expect.fail("a host");
const ALLOWED = ["https://dash.example.com", "https://*.fleet.example", "http://ported.example:8080"];

/** As browsers read an origin. Undefined: they send no such thing. */
function asBrowser(origin: string): URL | undefined {
  return URL.canParse(origin) ? new URL(origin) : undefined;
}

describe("Origin", () => {
  test("S4, S25: of any text throws nothing, and what passes is an origin that browsers read in the same way", () => {
    fc.assert(
      fc.property(originLike, (origin) => {
        const { from } = provenanceOf({ origin }, OURS, ALLOWED);
        const url = asBrowser(origin);
        if (from === "here") {
          expect(
            origin
              .toLowerCase()
              .replace(/^.*:\/\//, "")
              .replace(".:", ":"),
          ).toBe("localhost:8000");
        }
        if (from === "allowed") {
          expect(url?.protocol).toMatch(/^https?:$/);
          expect(url?.host).toMatch(
            /^(dash\.example\.com\.?|.+\.fleet\.example\.?|ported\.example\.?:8080)$/,
          );
        }
        expect(url?.username || url?.pathname.slice(1) ? from : "elsewhere").toBe("elsewhere");
      }),
      { numRuns: 2_000 },
    );
  });

  test("S4: without an Origin, any text of Fetch Metadata throws nothing, and what is not ours or opened does not pass", () => {
    const word = fc.oneof(
      fc.constantFrom("cross-site", "same-site", "same-origin", "none", "navigate", "document", "image"),
      fc.string(),
    );
    fc.assert(
      fc.property(word, word, word, (site, mode, dest) => {
        const headers = { "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest };
        const passes = ["same-origin", "none"].includes(site) || (mode === "navigate" && dest === "document");
        expect(provenanceOf(headers, OURS, ALLOWED).from).toBe(passes ? "here" : "elsewhere");
      }),
    );
  });
});

describe("Authorization", () => {
  test("S6, S25: any text but the token itself is not enough", () => {
    const hasToken = createTokenCheck("s3cret");
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("Bearer", "bearer", " ", "s3cret", "\t", ",", "=") }),
    );
    fc.assert(
      fc.property(text, (authorization) => {
        expect(hasToken(authorization)).toBe(
          /^bearer +s3cret$/i.test(authorization) && authorization.endsWith("s3cret"),
        );
      }),
      { numRuns: 1_000, examples: [["Bearer s3cret"], ["Bearer S3CRET"], [""], ["Bearer "]] },
    );
    expect(hasToken(undefined)).toBe(false);
    expect(createTokenCheck(undefined)(undefined)).toBe(true);
  });
});
