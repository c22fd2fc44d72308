// A short soak of the program as it is built. How its memory develops only a long one shows.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isPassed, judgeSoak, leftOf, type Outcome } from "../../bench/soak/verdict.ts";
import { emptyDirectory } from "../helpers/program.ts";

const ROOT = join(import.meta.dirname, "../..");

function startSoak(...args: string[]) {
  const soak = spawn(process.execPath, [join(ROOT, "bench/soak/main.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void soak.kill("SIGKILL"));
  let output = "";
  for (const stream of [soak.stdout, soak.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const ended = once(soak, "close").then(([exitCode]) => ({ exitCode: exitCode as number | null, output }));
  return { soak, ended };
}

function builtProgram(): string {
  const directory = emptyDirectory();
  execFileSync(process.execPath, [join(ROOT, "scripts/build.ts"), join(directory, "dist")]);
  cpSync(join(ROOT, "package.json"), join(directory, "package.json"));
  return join(directory, "dist/main.js");
}

test("S26: a quarter of a minute of everything at once: no error that was not injected, nothing left", async () => {
  const { ended } = startSoak("--program", builtProgram(), "--minutes", "0.25");
  const { exitCode, output } = await ended;
  expect(output).toMatch(/\npassed\n/);
  expect(exitCode, output).toBe(0);
}, 180_000);

test("SIGINT ends it early, with the table", async () => {
  const { soak, ended } = startSoak("--program", builtProgram(), "--minutes", "60");
  await once(soak.stdout, "data");
  soak.kill("SIGINT");
  const { exitCode, output } = await ended;
  expect(output).toContain("Verdict");
  expect(exitCode, output).toBe(130);
}, 180_000);

test.each([
  [["--minutes", "no"], /--minutes: "no" is not a number/],
  [["--program", "/nowhere"], /\/nowhere is not there/],
  [["--hours", "1"], /--hours/],
])("refuses %j", async (args, message) => {
  const { exitCode, output } = await startSoak(...args).ended;
  expect(output).toMatch(message);
  expect(exitCode).toBe(2);
});

describe("a verdict", () => {
  const minutes = (count: number, residentMb: (atS: number) => number): Partial<Outcome> => ({
    loadS: count * 60,
    samples: Array.from({ length: count * 60 }, (_, atS) => ({
      atS,
      residentMb: residentMb(atS),
      descriptors: 30,
      children: 1,
      healthMs: 1,
    })),
  });
  const soak = (changed: Partial<Outcome> = {}): Outcome => ({
    samples: [],
    loadS: 10,
    unexpected: 0,
    descriptors: { before: ["/dev/null"], after: ["/dev/null"] },
    children: { atRest: 0, afterwards: 0 },
    exitCode: 0,
    ...changed,
  });

  test.each<readonly [string, Partial<Outcome>, boolean]>([
    ["nothing was wrong", {}, true],
    ["an error was not injected", { unexpected: 1 }, false],
    ["a socket was left", { descriptors: { before: [], after: ["socket:[1]"] } }, false],
    ["a child was left", { children: { atRest: 1, afterwards: 0 } }, false],
    ["a child outlived the server", { children: { atRest: 0, afterwards: 1 } }, false],
    ["the server had to be killed", { exitCode: null }, false],
    ["the memory is as it was", minutes(10, () => 90), true],
    ["the memory grew in the first minute only", minutes(10, (atS) => Math.min(atS, 60) + 60), true],
    ["the memory grew by a fifth", minutes(10, (atS) => 100 + (20 * atS) / 600), false],
    ["a time too short to tell", minutes(2, (atS) => 50 + atS), true],
  ])("%s", (_, changed, expected) => {
    expect(isPassed(judgeSoak(soak(changed)))).toBe(expected);
  });

  test("names what was left open", () => {
    expect(leftOf({ before: ["socket:[1]", "/a"], after: ["/a", "socket:[7]", "socket:[8]"] })).toEqual([
      "socket:[8]",
    ]);
    expect(leftOf({ before: ["socket:[1]", "/a"], after: ["/b"] })).toEqual([]);
  });
});
