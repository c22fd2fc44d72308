// A reporter for vitest: after a run of all test files it prints one line for each guarantee about faults and attacks, and has
// the run fail when one of them is not shown.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSuite, Vitest } from "vitest/node";
import { FAULT_TESTS, faultResults, guaranteesOf } from "./fault-results.ts";

export class FaultReporter implements Reporter {
  readonly #root: string;
  #namePattern: RegExp | undefined;

  /** @param root of the project. */
  constructor(root: string) {
    this.#root = root;
  }

  onInit(vitest: Vitest): void {
    this.#namePattern = vitest.config.testNamePattern;
  }

  onTestRunEnd(modules: readonly TestModule[], _: readonly unknown[], reason: TestRunEndReason): void {
    if (reason === "interrupted" || !this.#isWhole(modules)) {
      return;
    }
    const page = readFileSync(join(this.#root, "docs/guarantees.md"), "utf8");
    const tests = modules.flatMap((module) => [...module.children.allTests()]).map(ranTest);
    const { lines, isComplete } = faultResults(guaranteesOf(page), tests);
    console.log(`\nFaults and attacks (docs/guarantees.md)\n\n${lines.join("\n")}\n`);
    if (!isComplete) {
      console.error("Not every guarantee about faults and attacks is shown.");
      process.exitCode = 1;
    }
  }

  /** A run of some files, or of tests of other names, says nothing about what is missing. */
  #isWhole(modules: readonly TestModule[]): boolean {
    const files = readdirSync(join(this.#root, "test"), { recursive: true, encoding: "utf8" });
    const isAnyName = this.#namePattern === undefined || this.#namePattern.source === FAULT_TESTS.source;
    return isAnyName && modules.length === files.filter((file) => file.endsWith(".test.ts")).length;
  }
}

function ranTest(test: TestCase) {
  const names = [test.name];
  for (let suite: TestSuite | TestModule = test.parent; suite.type === "suite"; suite = suite.parent) {
    names.push(suite.name);
  }
  const result = test.result();
  return {
    names,
    state: result.state,
    note: result.state === "skipped" ? result.note : undefined,
  };
}
