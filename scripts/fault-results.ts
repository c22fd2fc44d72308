// What the tests of a run show of the guarantees about faults and attacks: one line each. Pure; fault-reporter.ts prints them.

import { guaranteesIn } from "./check-guarantees.ts";

/** A guarantee that gets a line. */
export interface Guarantee {
  /** `S1`. */
  readonly id: string;
  /** `Malformed Host`. */
  readonly title: string;
}

/** A test that was part of a run. */
export interface RanTest {
  /** The names of the suites around it, and its own. */
  readonly names: readonly string[];
  readonly state: "passed" | "failed" | "skipped" | "pending";
  /** Why it was skipped, where it says so. */
  readonly note?: string | undefined;
}

export interface FaultResults {
  readonly lines: readonly string[];
  /** Whether each guarantee is shown, or not for a reason that is given. */
  readonly isComplete: boolean;
}

/** Which guarantees get a line: all of safety, and those of git about repositories that are not to be trusted. */
const CONCERNED = /^(S[1-9][0-9]*|G2[1-8])$/;

/** Fits the full names of the tests that show such a guarantee, and hardly any other. */
export const FAULT_TESTS = /\b(S[1-9][0-9]*|G2[1-8])(, [GPS][1-9][0-9]*)*: /;

/** Reads the titles from the lines of a page like `- **S1** Title. Text`. */
export function guaranteesOf(page: string): Guarantee[] {
  return [...page.matchAll(/^- \*\*([A-Z][0-9]+)\*\* (.+?)\.(?: |$)/gm)]
    .map(([, id = "", title = ""]) => ({ id, title }))
    .filter(({ id }) => CONCERNED.test(id));
}

/** Sums up what the tests of a whole run show. */
export function faultResults(guarantees: readonly Guarantee[], tests: readonly RanTest[]): FaultResults {
  const letters = ["G", "P", "S"];
  const shown = new Map<string, RanTest[]>();
  for (const test of tests) {
    const ids = new Set(test.names.flatMap((name) => guaranteesIn(name, letters) ?? []));
    for (const id of ids) {
      shown.set(id, [...(shown.get(id) ?? []), test]);
    }
  }
  const results = guarantees.map(({ id, title }) => resultOf(id, title, shown.get(id) ?? []));
  return {
    lines: results.map(({ line }) => line),
    isComplete: guarantees.length > 0 && results.every(({ isFine }) => isFine),
  };
}

function resultOf(id: string, title: string, tests: readonly RanTest[]): { line: string; isFine: boolean } {
  const count = (state: RanTest["state"]): number => tests.filter((test) => test.state === state).length;
  const [passed, failed, skipped] = [count("passed"), count("failed") + count("pending"), count("skipped")];
  const notes = [...new Set(tests.flatMap(({ state, note }) => (state === "skipped" && note ? [note] : [])))];
  const [word, isFine] =
    failed > 0
      ? ["FAILED", false]
      : passed > 0
        ? ["ok", true]
        : skipped > 0
          ? ["skipped", notes.length > 0]
          : ["MISSING", false];
  const parts = [
    `${passed} ${passed === 1 ? "test" : "tests"}`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped${notes.length > 0 ? `: ${notes.join("; ")}` : ""}`] : []),
  ];
  return {
    line: `${id.padEnd(3)} ${String(word).padEnd(7)} (${parts.join(", ")}) ${title}`,
    isFine: isFine === true,
  };
}
