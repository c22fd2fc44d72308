import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFields, readFields } from "../../src/hooks/input.ts";

/** What the fields of an object must be. */
function expected(content: object): Map<string, string> {
  const scalars = Object.entries(content).filter(([, value]) => typeof value !== "object" || value === null);
  return new Map(scalars.map(([name, value]) => [name, String(value)]));
}

describe("the fields of an event", () => {
  it("are its strings, numbers and words", () => {
    const text =
      '{"a": "x\\n\\"y\\" {", "b" :1.5e3,"c":true, "d":null, "e":{"a":"no"}, "f":["a","b"], "g": "\\u0041"}';
    expect([...parseFields(text)]).toEqual([
      ["a", 'x\n"y" {'],
      ["b", "1.5e3"],
      ["c", "true"],
      ["d", "null"],
      ["g", "A"],
    ]);
  });

  it("S25: are those of any object", () => {
    const scalar = fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.boolean(), fc.constant(null));
    const content = fc.dictionary(fc.string(), fc.oneof(scalar, fc.jsonValue()));
    fc.assert(
      fc.property(content, fc.constantFrom(undefined, 1, "\t"), (value, indentation) => {
        const whole = JSON.parse(JSON.stringify(value)) as object;
        const found = parseFields(JSON.stringify(whole, null, indentation));
        const wanted = expected(whole);
        expect([...found.keys()]).toEqual([...wanted.keys()]);
        for (const [name, text] of wanted) {
          // Numbers are left as they are written.
          expect(Object.is(found.get(name), text) || Number(found.get(name)) === Number(text)).toBe(true);
        }
      }),
    );
  });

  it("S25: are found up to where a text is cut off, and in no text is anything else found", () => {
    const content = { one: "1", two: '"two":"no",', three: { one: "no" }, four: "4" };
    const text = JSON.stringify(content);
    for (let end = 0; end <= text.length; end += 1) {
      const wanted = expected(content);
      for (const [name, value] of parseFields(text.slice(0, end))) {
        expect(wanted.get(name)).toBe(value);
      }
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (any) => {
        parseFields(any);
        parseFields(`{${any}`);
      }),
    );
  });
});

describe("the input", () => {
  it("is read to its end, in pieces", async () => {
    const stdin = new PassThrough();
    const read = readFields(stdin, 20_000);
    stdin.write('{"a": "\u00e4');
    stdin.end('b"}');
    expect([...(await read)]).toEqual([["a", "\u00e4b"]]);
  });

  it("is read until its object is whole, when it never ends", async () => {
    const stdin = new PassThrough();
    const read = readFields(stdin, 20_000);
    stdin.write('{"a": {"b": "}');
    stdin.write('"}}\n');
    expect([...(await read)]).toEqual([]);
    const other = new PassThrough();
    const rest = readFields(other, 20_000);
    other.write('{"a": "b"}');
    expect([...(await rest)]).toEqual([["a", "b"]]);
  });

  it("counts as far as it came when the time is over", async () => {
    const stdin = new PassThrough();
    stdin.write('{"a": "b", "c');
    expect([...(await readFields(stdin, 1))]).toEqual([["a", "b"]]);
  });

  it("may break", async () => {
    const stdin = new PassThrough();
    const read = readFields(stdin, 20_000);
    stdin.destroy(new Error("gone"));
    expect((await read).size).toBe(0);
  });
});
