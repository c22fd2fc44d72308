import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SmallHeaders } from "../src/headers.ts";

/** Node's own class, whatever the global name stands for. */
const NodeHeaders = new Response().headers.constructor as typeof Headers;

type Step = readonly [method: "append" | "set" | "delete" | "get" | "has", name: string, value: string];

const names = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "A", "b-Bin", "B-bin", "x", "Set-Cookie", "set-cookie") },
  { weight: 1, arbitrary: fc.constantFrom("", " a", "a b", "a:", "\u00e9", "__proto__", "constructor") },
  { weight: 1, arbitrary: fc.string() },
);
const values = fc.oneof(
  fc.constantFrom(
    "",
    "1",
    " 1\t",
    "a, b",
    "a\nb",
    "\r\na\n",
    "\0",
    "\u00ff",
    "\u0100",
    "\ud83d\ude00",
    "a=1; Path=/",
  ),
  fc.string(),
  fc.string({ unit: "binary" }),
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(fc.constantFrom("append", "set", "delete", "get", "has"), names, values),
);

/** All that can be seen of a `Headers` on which these steps were made. */
function seen(headers: Headers, made: readonly Step[]): unknown {
  const results = made.map(([method, name, value]) => {
    try {
      return headers[method](name, value);
    } catch (error) {
      return error instanceof TypeError ? "TypeError" : error;
    }
  });
  const visited: unknown[] = [];
  headers.forEach((value, name) => {
    visited.push([name, value]);
  });
  return {
    results,
    visited,
    all: [...headers],
    entries: [...headers.entries()],
    keys: [...headers.keys()],
    values: [...headers.values()],
    cookies: headers.getSetCookie(),
    text: String(headers),
  };
}

describe("the small Headers", () => {
  it("behaves as Node's own", () => {
    fc.assert(
      fc.property(steps, (made) => {
        expect(seen(new SmallHeaders(), made)).toEqual(seen(new NodeHeaders(), made));
      }),
      { numRuns: 1_000 },
    );
  });

  it("is made from pairs, a record and another one, as Node's own", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("a", "B", "set-cookie"), fc.constantFrom("1", " 2 "))),
        (pairs) => {
          const record = Object.fromEntries(pairs);
          expect([...new SmallHeaders(pairs)]).toEqual([...new NodeHeaders(pairs)]);
          expect([...new SmallHeaders(record)]).toEqual([...new NodeHeaders(record)]);
          expect([...new SmallHeaders(new NodeHeaders(pairs))]).toEqual([...new NodeHeaders(pairs)]);
          expect([...new NodeHeaders(new SmallHeaders(pairs))]).toEqual([...new NodeHeaders(pairs)]);
        },
      ),
    );
  });

  it("can be changed while it is walked", () => {
    const headers = new SmallHeaders({ a: "1", b: "2" });
    headers.forEach((_, name) => {
      headers.delete(name);
    });
    expect([...headers]).toEqual([]);
  });
});
