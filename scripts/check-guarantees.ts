// Compares docs/guarantees.md with the names of the tests: every number that a test bears exists, and the page tells
// truly which guarantees no test shows. `--write` brings the page's generated lines up to date.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestName, testNames } from "./test-names.ts";

const DOCUMENT = "docs/guarantees.md";
const COMMAND = "node scripts/check-guarantees.ts";

/** All guarantees of one letter. */
export interface Part {
  readonly letter: string;
  /** Ascending, each once. */
  readonly numbers: readonly number[];
}

/** A text and where it came from, relative to the repository. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface Report {
  /** One line per part: how many guarantees are shown, and which are not. */
  readonly summary: readonly string[];
  /** What is wrong, one line each. */
  readonly findings: readonly string[];
  /** Which generated lines of the document are not what they should be, one line each. */
  readonly stale: readonly string[];
  /** The document with its generated lines as they should be. */
  readonly document: string;
}

/** Reads the guarantees from lines like `- **G1** Title. Text`. */
export function parseGuarantees(document: string): { parts: Part[]; findings: string[] } {
  const byLetter = new Map<string, Set<number>>();
  const findings: string[] = [];
  for (const [index, line] of document.split("\n").entries()) {
    const [, letter, digits] = /^- \*\*([A-Z])([1-9][0-9]*)\*\* \S/.exec(line) ?? [];
    if (letter === undefined || digits === undefined) {
      if (/^\s*[-*+] \**[A-Z][0-9]/.test(line)) {
        findings.push(`${DOCUMENT}:${index + 1}: write a guarantee as "- **G1** Title. Text"`);
      }
      continue;
    }
    const numbers = byLetter.get(letter) ?? new Set();
    byLetter.set(letter, numbers);
    if (numbers.has(Number(digits))) {
      findings.push(`${DOCUMENT}:${index + 1}: ${letter}${digits} stands here a second time`);
    }
    numbers.add(Number(digits));
  }
  const parts = [...byLetter].map(([letter, set]) => ({
    letter,
    numbers: [...set].sort((a, b) => a - b),
  }));
  if (parts.length === 0) findings.push(`${DOCUMENT}: no guarantee found`);
  for (const { letter, numbers } of parts) {
    let expected = 1;
    for (const number of numbers) {
      for (; expected < number; expected += 1) {
        findings.push(`${DOCUMENT}: ${letter}${expected} is missing, but there is a ${letter}${number}`);
      }
      expected = number + 1;
    }
  }
  return { parts, findings };
}

/**
 * The guarantees that a test's name bears: `["G16", "G18"]` for `G16, G18: ...`, none for a name that does not
 * begin with one. `undefined` when it does, but not in that form.
 */
export function guaranteesIn(name: string, letters: readonly string[]): string[] | undefined {
  const id = `[${letters.join("")}][0-9]+`;
  if (letters.length === 0 || !new RegExp(`^${id}\\b`).test(name)) return [];
  const list = new RegExp(`^(${id}(?:, ${id})*):`).exec(name)?.[1];
  return list?.split(", ");
}

/** Compares the document with the test files. */
export function check(document: string, testFiles: readonly TextFile[]): Report {
  const { parts, findings } = parseGuarantees(document);
  const known = new Set(
    parts.flatMap(({ letter, numbers }) => numbers.map((number) => `${letter}${number}`)),
  );
  const letters = parts.map(({ letter }) => letter);
  const shown = new Set<string>();
  for (const { path, text } of testFiles) {
    for (const name of testNames(path, text)) {
      const borne = guaranteesIn(name.text, letters);
      if (borne === undefined) {
        findings.push(`${at(path, name)}: write the numbers as "G1: ..." or "G1, G2: ..."`);
        continue;
      }
      for (const id of borne) {
        if (!known.has(id)) findings.push(`${at(path, name)}: there is no guarantee ${id}`);
        else if (name.runs) shown.add(id);
      }
    }
  }
  const summary: string[] = [];
  const stale: string[] = [];
  let updated = document;
  for (const { letter, numbers } of parts) {
    const missing = numbers.map((number) => `${letter}${number}`).filter((id) => !shown.has(id));
    const count = `${letter}: ${numbers.length - missing.length} of ${numbers.length} shown by a test`;
    summary.push(missing.length === 0 ? count : `${count}; without: ${missing.join(", ")}`);
    const next = replaceGenerated(updated, letter, generatedLine(missing));
    if (next === undefined) {
      findings.push(`${DOCUMENT}: "${beginOf(letter)}" with its "${END}" must stand there exactly once`);
    } else if (next !== updated) {
      stale.push(`${DOCUMENT}: the last line of part ${letter} is not current: run ${COMMAND} --write`);
      updated = next;
    }
  }
  return { summary, findings, stale, document: updated };
}

function at(path: string, name: TestName): string {
  return `${path}:${name.line}: "${name.text}"`;
}

/** The line that the document has for these guarantees without a test. */
export function generatedLine(missing: readonly string[]): string {
  if (missing.length === 0) return "A test shows each guarantee of this part.";
  return `No test yet shows ${missing.join(", ")}.`;
}

const END = "<!-- end -->";

function beginOf(letter: string): string {
  return `<!-- not shown yet, ${letter}: begin -->`;
}

/** `undefined` when the marked place is not there exactly once. */
function replaceGenerated(document: string, letter: string, line: string): string | undefined {
  const [before, after, ...more] = document.split(`${beginOf(letter)}\n`);
  if (before === undefined || after === undefined || more.length > 0) return undefined;
  const end = after.indexOf(END);
  const nextBegin = after.indexOf("<!-- not shown yet");
  if (end === -1 || (nextBegin !== -1 && nextBegin < end)) return undefined;
  return `${before}${beginOf(letter)}\n${line}\n${after.slice(end)}`;
}

function main(root: string, write: boolean): number {
  const testFiles = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .sort()
    .map((path) => ({ path: join("test", path), text: readFileSync(join(root, "test", path), "utf8") }));
  const current = readFileSync(join(root, DOCUMENT), "utf8");
  const { summary, findings, stale, document } = check(current, testFiles);
  for (const line of summary) console.log(line);
  if (write && document !== current) writeFileSync(join(root, DOCUMENT), document);
  const wrong = write ? findings : [...findings, ...stale];
  for (const line of wrong) console.error(line);
  return wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const unknown = args.find((arg) => arg !== "--write");
  if (unknown === undefined) {
    process.exitCode = main(join(import.meta.dirname, ".."), args.includes("--write"));
  } else {
    console.error(`${unknown}: not known; usage: ${COMMAND} [--write]`);
    process.exitCode = 2;
  }
}
