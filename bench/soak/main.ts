// The soak: `npm run soak -- [--minutes N]`. Everything at once on the program as it is built, then a table and a verdict; exit
// code 1 when the verdict is no. SIGINT ends it early, with the table.

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { cleanUp, cleanUpAtExit } from "../cleanup.ts";
import { BUNDLE } from "../servers.ts";
import { percentile } from "../statistics.ts";
import { figure, formatTable } from "../table.ts";
import { runSoak, type Soak } from "./run.ts";
import { residentBetween } from "./samples.ts";
import { isPassed, judgeSoak, leftOf } from "./verdict.ts";

const USAGE = "usage: npm run soak -- [--minutes N] [--program FILE]   (default: 10 minutes of dist/main.js)";
/** How long starting and ending may take beside the load, in milliseconds. */
const REST_MS = 180_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const { minutes, program } = readArguments();
  cleanUpAtExit();
  const interrupted = new AbortController();
  const interrupt = (): void => {
    if (interrupted.signal.aborted) {
      process.exit(130);
    }
    interrupted.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  const watchdog = setTimeout(
    () => {
      console.error("soak: it does not end");
      process.exit(1);
    },
    minutes * 60_000 + REST_MS,
  );
  console.log(`Soaking for ${minutes} minutes; SIGINT ends it earlier.\n`);
  try {
    const passed = report(await runSoak(program, minutes, interrupted.signal));
    return interrupted.signal.aborted ? 130 : passed ? 0 : 1;
  } finally {
    clearTimeout(watchdog);
    await cleanUp();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function readArguments(): { minutes: number; program: string } {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: "string", default: "10" },
        program: { type: "string", default: BUNDLE },
      },
    });
    const minutes = Number(values.minutes);
    if (!(minutes > 0 && minutes <= 1_440)) {
      throw new Error(`--minutes: "${values.minutes}" is not a number above 0 and up to 1440`);
    }
    if (!existsSync(values.program)) {
      throw new Error(`${values.program} is not there; npm run build makes it`);
    }
    return { minutes, program: values.program };
  } catch (error) {
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}

/** Prints what came of it. @returns whether it was passed. */
function report({ outcome, ledger }: Soak): boolean {
  const { samples, loadS } = outcome;
  console.log(
    formatTable(
      `Soak of ${(loadS / 60).toFixed(1)} minutes`,
      ["what", "done", "errors, injected", "errors, not injected"],
      ledger.rows(),
    ),
  );
  const steps = 12;
  const step = loadS / steps;
  const overTime = Array.from({ length: steps }, (_, index) => {
    const [fromS, toS] = [index * step, (index + 1) * step];
    const within = samples.filter(({ atS }) => atS >= fromS && atS < toS);
    const health = within.map(({ healthMs }) => healthMs);
    return [
      `${Math.round(fromS)} to ${Math.round(toS)} s`,
      figure(residentBetween(samples, fromS, toS), "MB"),
      String(Math.max(0, ...within.map(({ descriptors }) => descriptors))),
      String(Math.max(0, ...within.map(({ children }) => children))),
      figure(percentile(health, 0.5), "ms"),
      figure(Math.max(...health), "ms"),
    ];
  });
  const header = [
    "time",
    "resident, median",
    "descriptors, most",
    "children, most",
    "/health, p50",
    "slowest",
  ];
  console.log(formatTable("The server over time", header, overTime));
  for (const { atMs, what } of ledger.told) {
    console.log(`not injected, after ${(atMs / 1_000).toFixed(1)} s: ${what}`);
  }
  const judgements = judgeSoak(outcome);
  const word = (met: boolean | undefined): string => (met === undefined ? "-" : met ? "yes" : "NO");
  console.log(
    formatTable(
      "Verdict",
      ["condition", "figure", "met"],
      judgements.map(({ what, figure: seen, met }) => [what, seen, word(met)]),
    ),
  );
  for (const descriptor of leftOf(outcome.descriptors)) {
    console.log(`left open: ${descriptor}`);
  }
  const passed = isPassed(judgements);
  console.log(passed ? "passed" : "FAILED");
  return passed;
}
