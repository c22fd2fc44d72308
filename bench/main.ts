// The benchmark: `npm run bench [-- PART...]`. Measures and prints; it fails when a read fails, never for a time.

import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureBudget } from "./budget.ts";
import { cleanUp, cleanUpAlways } from "./cleanup.ts";
import { measureGit } from "./git.ts";
import { measureLive } from "./live.ts";
import type { Measuring, Part } from "./part.ts";
import { measureReads } from "./reads.ts";
import { buildBundle } from "./servers.ts";
import { measureStart } from "./start.ts";

const PARTS: ReadonlyMap<string, Part> = new Map([
  ["start", measureStart],
  ["reads", measureReads],
  ["git", measureGit],
  ["live", measureLive],
  ["budget", measureBudget],
]);

const USAGE = `usage: npm run bench -- [PART...] [--seconds N] [--rest-seconds N] [--rounds N] [--commits N]
parts: ${[...PARTS.keys()].join(", ")} (default: all)`;

const OPTIONS = {
  /** Of load, for each server and each number of clients. */
  seconds: { type: "string", default: "4" },
  "rest-seconds": { type: "string", default: "60" },
  rounds: { type: "string", default: "10" },
  commits: { type: "string", default: "500" },
} as const;

process.exitCode = await run();

async function run(): Promise<number> {
  const { names, measuring } = readArguments();
  cleanUpAlways();
  const [cpu] = cpus();
  const load = loadavg().map((value) => value.toFixed(2));
  console.log(
    `Node ${process.version}, ${availableParallelism()} cores (${cpu?.model ?? "unknown"}), load average ${load.join(" ")}\n`,
  );
  let errors = 0;
  try {
    await buildBundle();
    for (const name of names) {
      errors += (await PARTS.get(name)?.(measuring)) ?? 0;
    }
  } finally {
    await cleanUp();
  }
  if (errors > 0) {
    console.log(`${errors} reads failed`);
  }
  return errors > 0 ? 1 : 0;
}

function readArguments(): { names: readonly string[]; measuring: Measuring } {
  try {
    const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
    const unknown = positionals.find((name) => !PARTS.has(name));
    if (unknown !== undefined) {
      throw new Error(`there is no part "${unknown}"`);
    }
    const number = (name: keyof typeof OPTIONS): number => {
      const value = Number(values[name]);
      if (!(value > 0)) {
        throw new Error(`--${name}: "${values[name]}" is not a number above 0`);
      }
      return value;
    };
    return {
      names: positionals.length > 0 ? positionals : [...PARTS.keys()],
      measuring: {
        seconds: number("seconds"),
        restSeconds: number("rest-seconds"),
        rounds: Math.ceil(number("rounds")),
        commits: Math.ceil(number("commits")),
      },
    };
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}
