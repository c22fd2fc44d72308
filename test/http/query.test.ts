import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseReadQuery } from "../../src/http/query.ts";
import { InvalidRequestError } from "../../src/metadata/invalid-request-error.ts";

describe("the query of a read", () => {
  it("is empty when there is none", () => {
    const nothing = { keys: [], maxAgeMs: undefined, waitMs: 0, names: undefined };
    expect(parseReadQuery("/metadata")).toEqual(nothing);
    expect(parseReadQuery("/metadata?")).toEqual(nothing);
    expect(parseReadQuery("/metadata?unknown=1")).toEqual(nothing);
  });

  it.each([
    ["keys=a,b", ["a", "b"]],
    ["keys=a&keys=b,c", ["a", "b", "c"]],
    ["keys=a%2Cb", ["a", "b"]],
    ["keys=git_*", ["git_*"]],
    ["keys=", [""]],
  ])("%s names keys", (query, keys) => {
    expect(parseReadQuery(`/metadata?${query}`).keys).toEqual(keys);
  });

  it.each([
    ["0s", 0],
    ["1.5s", 1_500],
    ["250ms", 250],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["999999999h", 999_999_999 * 3_600_000],
  ])("max_age=%s is a duration", (text, ms) => {
    expect(parseReadQuery(`/metadata?max_age=${text}`).maxAgeMs).toBe(ms);
  });

  it.each([
    ["0s", 0],
    ["30s", 30_000],
    ["5m", 300_000],
  ])("wait=%s is a time to wait", (text, ms) => {
    expect(parseReadQuery(`/metadata?wait=${text}`).waitMs).toBe(ms);
  });

  it.each([
    ["max_age=", "max_age"],
    ["max_age=1", "max_age"],
    ["max_age=-1s", "max_age"],
    ["max_age=1e3s", "max_age"],
    ["max_age=NaNs", "max_age"],
    ["max_age=1d", "max_age"],
    ["max_age=1s&max_age=1s", "max_age"],
    ["wait=", "wait"],
    ["wait=30", "wait"],
    ["wait=-1s", "wait"],
    ["wait=301s", "wait"],
    ["wait=1s&wait=2s", "wait"],
    ["names=", "names"],
    ["names=PROTO", "names"],
    ["names=proto&names=camel", "names"],
  ])("%s is refused, and named", (query, field) => {
    const parse = () => parseReadQuery(`/metadata?${query}`);
    expect(parse).toThrow(InvalidRequestError);
    expect(parse).toThrow(expect.objectContaining({ field }));
  });

  it("S25: throws nothing else, whatever stands there", () => {
    const part = fc.oneof(
      fc.constantFrom("keys", "max_age", "wait", "names", "=", "&", ",", "%", "0s"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        try {
          const { maxAgeMs = 0, keys } = parseReadQuery(`/metadata?${parts.join("")}`);
          expect(maxAgeMs).toBeGreaterThanOrEqual(0);
          expect(Array.isArray(keys)).toBe(true);
        } catch (error) {
          if (!(error instanceof InvalidRequestError)) {
            throw error;
          }
        }
      }),
    );
  });
});
