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
import { isPassed, judgeSoak } from "./verdict.ts";

const USAGE = "usage: npm run soak -- [--minutes N]   (default: 10; at most 1440)";
/** How long starting and ending may take beside the load, in milliseconds. */
const REST_MS = 180_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const minutes = readMinutes();
  if (!existsSync(BUNDLE)) {
    throw new Error(`${BUNDLE} is not there; npm run build makes it`);
  }
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
  try {
    return report(await runSoak(minutes, interrupted.signal));
  } finally {
    clearTimeout(watchdog);
    await cleanUp();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function readMinutes(): number {
  try {
    const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
    const minutes = Number(values.minutes);
    if (!(minutes > 0 && minutes <= 1_440)) {
      throw new Error(`--minutes: "${values.minutes}" is not a number above 0 and up to 1440`);
    }
    return minutes;
  } catch (error) {
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}

function report({ outcome, ledger }: Soak): number {
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
  console.log(isPassed(judgements) ? "passed" : "FAILED");
  return isPassed(judgements) ? 0 : 1;
}
