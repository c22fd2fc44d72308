import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { insertJson, JsonTextError, removeJson, replaceJson } from "../../../src/cli/install/json-text.ts";

const parse = (text: string): unknown => JSON.parse(text);

describe("a change of a JSON text", () => {
  it.each([
    ["an empty object", "{}\n", ["a"], 1, '{\n  "a": 1\n}\n'],
    ["a one-line object", '{"b": 1.0}', ["a"], 1, '{"b": 1.0, "a": 1}'],
    [
      "four spaces",
      '{\n    "b": 1e2\n}\n',
      ["a"],
      [1],
      '{\n    "b": 1e2,\n    "a": [\n        1\n    ]\n}\n',
    ],
    ["tabs", '{\n\t"b": 1\n}', ["a"], {}, '{\n\t"b": 1,\n\t"a": {}\n}'],
    ["an empty list, without a line of its own", '{\n  "a": []\n}', ["a", 0], 1, '{\n  "a": [1]\n}'],
    ["a list", '{\n  "a": [\n    1\n  ]\n}', ["a", 0], 2, '{\n  "a": [\n    1,\n    2\n  ]\n}'],
  ])("adds to %s", (_, text, path, value, result) => {
    expect(insertJson(text, path, value)).toBe(result);
  });

  it.each([
    ["the only one", '{\n  "a": 1\n}', ["a"], "{}"],
    ["the first", '{\n  "a": 1,\n  "b": 2\n}', ["a"], '{\n  "b": 2\n}'],
    ["one between", "[1, 2 , 3]", [1], "[1 , 3]"],
    ["the last", '{\n  "a": 1,\n  "b": {"c": "}"}\n}', ["b"], '{\n  "a": 1\n}'],
  ])("takes out %s", (_, text, path, result) => {
    expect(removeJson(text, path)).toBe(result);
  });

  it("puts one value in the place of another, the last of those with one name", () => {
    expect(replaceJson('{"a": 1, "a" : "x\\"" }', ["a"], true)).toBe('{"a": 1, "a" : true }');
  });

  it("S25: does to any document what it says, and adding and taking out again changes no byte", () => {
    const name = fc.string();
    const documents = fc.tuple(fc.dictionary(name, fc.jsonValue()), fc.constantFrom(undefined, 2, 4, "\t"));
    fc.assert(
      fc.property(documents, name, fc.jsonValue(), ([document, indentation], key, value) => {
        const text = `${JSON.stringify(document, null, indentation)}\n`;
        const before = parse(text) as Record<string, unknown>;
        fc.pre(!Object.hasOwn(before, key) && key !== "__proto__");
        const added = insertJson(text, [key], value);
        expect(parse(added)).toEqual({ ...before, [key]: parse(JSON.stringify(value)) });
        expect(removeJson(added, [key])).toBe(text);
      }),
    );
  });

  it.each(["", "{", '{"a": 1,}', "// comment\n{}", "{} {}"])("is refused when it is no JSON: %j", (text) => {
    expect(() => insertJson(text, ["a"], 1)).toThrow(JsonTextError);
  });

  it("is refused where there is nothing", () => {
    expect(() => removeJson("{}", ["a"])).toThrow(JsonTextError);
    expect(() => replaceJson("{}", ["a"], 1)).toThrow(JsonTextError);
    expect(() => insertJson('{"a": 1}', ["a", "b"], 1)).toThrow(JsonTextError);
  });
});
