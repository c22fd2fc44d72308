// Metrics as the texts that Prometheus reads. The library that writes them is loaded by the first scrape.

import type { RegistryContentType } from "prom-client";
import { definitionOf, METRICS, type MetricName } from "./metric-table.ts";
import type { Series, Tally } from "./tally.ts";

/** An answer to a scrape. */
export interface Exposition {
  readonly contentType: string;
  /** Without the line break at its end, which the formats require. */
  readonly text: string;
}

const OPEN_METRICS = "application/openmetrics-text";

/**
 * Whether a client would rather read OpenMetrics than Prometheus' own text format, which everybody gets who does not ask.
 *
 * @param accepted the header Accept (RFC 9110, 12.5.1).
 */
export function prefersOpenMetrics(accepted = ""): boolean {
  const ranges = accepted.split(",").map((range) => {
    const [type = "", ...parameters] = trimmedParts(range.toLowerCase(), ";");
    const named = new Map(parameters.map((parameter) => trimmedParts(parameter, "=") as [string, string]));
    return { type, version: named.get("version"), weight: Number(named.get("q") ?? 1) };
  });
  const best = (wanted: (range: (typeof ranges)[number]) => boolean): number =>
    Math.max(0, ...ranges.filter(wanted).map(({ weight }) => (Number.isNaN(weight) ? 0 : weight)));
  // What stands for anything ("*/*") is no wish for it.
  const open = best(({ type, version }) => type === OPEN_METRICS && (version ?? "1.0.0") === "1.0.0");
  return open > 0 && open >= best(({ type }) => type === "text/plain");
}

/** Split first and trimmed then: a pattern of both takes quadratic time for a text with much space inside. */
function trimmedParts(text: string, separator: string): string[] {
  return text.split(separator).map((part) => part.trim());
}

/** One object for all lines: the library keeps what it makes of each that it meets. */
const NO_SHARED_LABELS = {};

/** Writes every metric that one of the tallies knows a series of, in the order of the table. */
export async function expose(tallies: readonly Tally[], asOpenMetrics: boolean): Promise<Exposition> {
  const { Counter, Gauge, Histogram, Registry } = await import("prom-client");
  const kinds = { counter: Counter, gauge: Gauge, histogram: Histogram };
  const registry = new Registry<RegistryContentType>();
  if (asOpenMetrics) {
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  }
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { type, help, labels } = definitionOf(name);
    const values = tallies.flatMap((tally) => tally.series(name)).flatMap((series) => linesOf(name, series));
    if (values.length > 0) {
      const metric = new kinds[type]({ name, help, labelNames: [...labels], registers: [registry] });
      // What was counted elsewhere, which a histogram has no other way to be given. A counter's own name has no suffix in
      // OpenMetrics; its series' names get it from the registry.
      const ownName = asOpenMetrics && type === "counter" ? name.replace(/_total$/, "") : name;
      Object.assign(metric, { getForPromString: async () => ({ name: ownName, help, type, values }) });
    }
  }
  return { contentType: registry.contentType, text: (await registry.metrics()).trimEnd() };
}

/** The lines of one series. In a histogram, each bucket counts all that is not above its bound. */
function linesOf(name: MetricName, { labels: given, value, counts }: Series) {
  const { labels: names, buckets } = definitionOf(name);
  const labels = Object.fromEntries(names.map((label, index) => [label, given[index] ?? ""]));
  const line = { labels, value, sharedLabels: NO_SHARED_LABELS };
  if (buckets === undefined) {
    return [line];
  }
  let total = 0;
  const lines = [...buckets.map(String), "+Inf"].map((le, index) => {
    total += counts[index] ?? 0;
    return { ...line, metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
  });
  return [
    ...lines,
    { ...line, metricName: `${name}_sum` },
    { ...line, metricName: `${name}_count`, value: total },
  ];
}
