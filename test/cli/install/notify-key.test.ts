import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  NotifyTakenError,
  removeNotify,
  setNotify,
  TomlTextError,
} from "../../../src/cli/install/notify-key.ts";

const WORDS = ["/opt/my node", "main.js"];
const LINE = 'notify = ["/opt/my node", "main.js"] # fleet-metadata\n';

describe("the key notify", () => {
  it.each([
    ["nothing", "", LINE],
    ["comments alone", "# mine\n\n", `${LINE}# mine\n\n`],
    ["keys whose last line has no end", 'model = "x"', `model = "x"\n${LINE.trimEnd()}`],
    ["a last line of Windows without end", "a = 1\r\nb = 2", `a = 1\r\nb = 2\r\n${LINE.trimEnd()}`],
    ["tables alone", "[tui]\nnotify = 1\n", `${LINE}[tui]\nnotify = 1\n`],
    [
      "keys and tables",
      '# a\nmodel = "x" # b\n\n# about tables\n[[a]]\nx = 1\n',
      `# a\nmodel = "x" # b\n${LINE}\n# about tables\n[[a]]\nx = 1\n`,
    ],
    [
      "lists and strings of several lines that look like tables",
      'a = [\n  # ] "\n  "x",\n[1], ]\nb = """\n[t] \\"""\n"""\nc = \'\'\'\n[t]\n\'\'\'\nd = { x = "}" }\n[t]\n',
      `a = [\n  # ] "\n  "x",\n[1], ]\nb = """\n[t] \\"""\n"""\nc = '''\n[t]\n'''\nd = { x = "}" }\n${LINE}[t]\n`,
    ],
    ["line ends of Windows", "a = 1\r\n[t]\r\n", `a = 1\r\n${LINE.trimEnd()}\r\n[t]\r\n`],
  ])("is added behind other keys, before all tables: %s", (_, text, result) => {
    expect(setNotify(text, WORDS)).toBe(result);
    expect(setNotify(result, WORDS)).toBe(result);
    const other = 'notify = ["other"] # fleet-metadata';
    expect(setNotify(result, ["other"])).toBe(result.replace(LINE.trimEnd(), other));
    expect(removeNotify(result)).toBe(text);
  });

  it("S25: is taken out so that any document is byte for byte what it was", () => {
    const statement = fc.constantFrom(
      "",
      " ",
      "# mine",
      'a = "x" # b',
      "b = [\n1,\n]",
      "c.d = '''\n[t]'''",
      "\ne = {}",
    );
    const table = fc.constantFrom("[t]", "[[t]] # [", "notify = 1", "# end");
    const end = fc.constantFrom("\n", "\r\n");
    const document = fc.tuple(fc.array(statement), fc.array(table), end, fc.constantFrom("", "\n", "\r\n"));
    fc.assert(
      fc.property(document, ([statements, [first, ...rest], lineEnd, last]) => {
        const tables = first === undefined ? [] : ["[first]", first, ...rest];
        const text = [...statements, ...tables].join("\n").replaceAll("\n", lineEnd) + last;
        const added = setNotify(text, WORDS);
        expect(added).toContain(LINE.trimEnd());
        expect(setNotify(added, WORDS)).toBe(added);
        expect(removeNotify(added)).toBe(text);
      }),
    );
  });

  it.each([
    'notify = ["other"]',
    '"notify" = ["other"]\n',
    "'notify'=[ 'other' ]",
    'a = 1\nnotify = [\n  "other", # fleet-metadata\n]\n',
    'notify.x = "other"',
  ])("is left to another program: %s", (text) => {
    expect(() => setNotify(text, WORDS)).toThrow(NotifyTakenError);
    expect(removeNotify(text)).toBe(text);
  });

  it.each(["a = [1\n", 'a = "x\n', 'a = """x\n', "{}", "just words\n", "= 1"])(
    "is not added to what is no TOML: %j",
    (text) => {
      expect(() => setNotify(text, WORDS)).toThrow(TomlTextError);
    },
  );
});

it("S25: any text is left as it is but for the line, or refused with this module's own errors", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom(
        "a",
        "notify",
        "=",
        "[",
        "]",
        "\n",
        "#",
        '"',
        '"""',
        "'",
        "{",
        "}",
        ",",
        " ",
        "\\",
        ".",
        "\r\n",
        "1",
      ),
    }),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        const result = setNotify(given, WORDS);
        expect([given, `${given}\n`]).toContain(removeNotify(result));
        expect(setNotify(result, WORDS)).toBe(result);
      } catch (error) {
        if (!(error instanceof NotifyTakenError)) {
          expect(error).toBeInstanceOf(TomlTextError);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});
