// What `task install` puts in, `task uninstall` takes out, and the settings are what they were, byte for byte.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addHooks,
  HooksShapeError,
  hookCommand,
  removeHooks,
} from "../../../src/cli/install/hook-entries.ts";
import { JsonTextError } from "../../../src/cli/install/json-text.ts";

const EVENTS = ["SessionStart", "PreToolUse", "Stop"];
const COMMANDS = new Map(EVENTS.map((event) => [event, hookCommand(["/opt/node", "main.js", event])]));

/** Settings as no program writes them: any white space anywhere, members twice, hooks of others and empty ones. */
function settings(lineBreak: string): fc.Arbitrary<string> {
  const space = fc
    .array(fc.constantFrom(" ", "\t", lineBreak, `${lineBreak}  `), { maxLength: 2 })
    .map((parts) => parts.join(""));
  const spaced = (token: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.tuple(space, token, space).map((parts) => parts.join(""));
  const list = (open: string, item: fc.Arbitrary<string>, close: string): fc.Arbitrary<string> =>
    fc
      .tuple(space, fc.array(spaced(item), { maxLength: 3 }))
      .map(([inner, items]) => `${open}${items.length === 0 ? inner : items.join(",")}${close}`);
  const member = (name: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.tuple(name, space, space, value).map(([key, a, b, text]) => `${JSON.stringify(key)}${a}:${b}${text}`);

  const leaf = fc.oneof(
    fc.constantFrom("1.50", "1e2", "-0", "null", '"\\u0041"', '"}],"', '"# fleet-metadata"'),
    fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
  );
  const entry = fc.oneof(leaf, list("{", member(fc.constantFrom("type", "command"), leaf), "}"));
  const group = list(
    "{",
    fc.oneof(
      member(fc.constant("matcher"), leaf),
      member(
        fc.constant("hooks"),
        list(
          "[",
          entry.filter((text) => !text.includes("fleet-metadata")),
          "]",
        ),
      ),
    ),
    "}",
  );
  const event = member(fc.constantFrom(...EVENTS, "Other", "__proto__"), list("[", group, "]"));
  const hooks = member(fc.constant("hooks"), list("{", event, "}"));
  const top = fc.oneof(
    hooks,
    member(fc.constantFrom("model", "env", "hook", "", "__proto__"), fc.oneof(leaf, list("[", leaf, "]"))),
  );
  return fc
    .tuple(fc.constantFrom("", "\uFEFF"), spaced(list("{", top, "}")))
    .map(([mark, text]) => mark + text);
}

describe("install and then uninstall", () => {
  it("S25: leaves any settings byte for byte as they were", () => {
    const any = fc.oneof(settings("\n"), settings("\r\n"));
    fc.assert(
      fc.property(any, (text) => {
        const added = addHooks(text, COMMANDS);
        expect(added).not.toBe(text);
        expect(addHooks(added, COMMANDS)).toBe(added);
        expect(removeHooks(added)).toBe(text);
        expect(removeHooks(text)).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["nothing", "{}"],
    ["a blank", "{ }\n"],
    ["an empty line", "{\n}\n"],
    ["no hooks", '{"hooks": {}}'],
    ["no hooks in three lines", '{\n  "hooks": {\n  }\n}\n'],
    ["an event without hooks", '{\n\t"model": "opus",\n\t"hooks": {"Stop": []}\n}'],
    ["hooks twice", '{"hooks": {"Stop": []}, "hooks": {}}'],
    ["an event twice", '{"hooks": {"Stop": [{"hooks": [{"command": "a"}]}], "Stop": [ ]}}'],
    ["carriage returns", '{\r\n  "model": "opus"\r\n}\r\n'],
    ["a byte order mark", '\uFEFF{\n  "model": "opus"\n}\n'],
    ["what is indented behind", '{"hooks": {},\n  "model": "opus"}'],
  ])("leaves them as they were: %s", (_, text) => {
    const added = addHooks(text, COMMANDS);
    expect(removeHooks(added)).toBe(text);
    expect(added.replaceAll("\r\n", "").includes("\r")).toBe(false);
    if (text.includes("\r\n")) {
      expect(added.replaceAll("\r\n", "")).not.toContain("\n");
    }
  });

  it("leaves nothing behind after another program has written the settings in its own way", () => {
    const added = addHooks('{"model": "opus"}', COMMANDS);
    const rewritten = JSON.stringify(JSON.parse(added), null, 2);
    expect(removeHooks(rewritten)).toBe('{\n  "model": "opus"\n}');
  });

  it.each([
    ['{"hooks": null}', HooksShapeError],
    ["// mine\n{}", JsonTextError],
    ['{"a": 1, /* mine */ "b": 2}', JsonTextError],
    [`{"a": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`, JsonTextError],
  ])("refuses what it would not leave so: %#", (text, error) => {
    expect(() => addHooks(text, COMMANDS)).toThrow(error);
  });
});
