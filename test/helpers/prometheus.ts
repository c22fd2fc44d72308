// Reads what Prometheus reads, and asks Prometheus' own tool what it thinks of it.

import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

/** Series by name and labels as they are spelled: `up{job="a"}`. */
export type Series = ReadonlyMap<string, number>;

/** The series of a text in Prometheus' format or OpenMetrics. */
export function parseSeries(text: string): Series {
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), Number(line.slice(end + 1))] as const;
      }),
  );
}

/** Asks a server for its metrics. */
export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Series> {
  return parseSeries(await (await fetch(`${url}/metrics`, { headers })).text());
}

/** Asks until a condition holds. Rejects when it does not within 10 s. */
export async function scrapeUntil(url: string, condition: (series: Series) => boolean): Promise<Series> {
  const end = performance.now() + 10_000;
  for (;;) {
    const series = await scrape(url);
    if (condition(series)) {
      return series;
    }
    if (performance.now() > end) {
      throw new Error(`not within 10 s: ${JSON.stringify([...series])}`);
    }
    await delay(5);
  }
}

/** The sum of all series of a name whose labels hold all these. */
export function sumOf(series: Series, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return [...series]
    .filter(([key]) => key.split("{", 1)[0] === name && wanted.every((part) => key.includes(part)))
    .reduce((sum, [, value]) => sum + value, 0);
}

/** Whether Prometheus' tool is there (Debian: the package prometheus). */
export const HAS_PROMTOOL = spawnSync("promtool", ["--version"]).status === 0;

/** @returns what the tool has to say; empty when all is well. */
export function promtool(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8" });
  return status === 0 && stderr === "" ? "" : `${status}: ${stdout}${stderr}`;
}
