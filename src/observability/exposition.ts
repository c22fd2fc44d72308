// Metrics as the texts that Prometheus reads. The library that writes them is loaded by the first scrape.

import type { RegistryContentType } from "prom-client";
import { definitionOf, METRICS, type MetricName } from "./metric-table.ts";
import type { Distribution, Tally } from "./tally.ts";

/** An answer to a scrape. */
export interface Exposition {
  readonly contentType: string;
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
    const [type = "", ...parameters] = range.toLowerCase().split(/\s*;\s*/);
    const named = new Map(parameters.map((parameter) => parameter.split(/\s*=\s*/) as [string, string]));
    return { type: type.trim(), version: named.get("version"), weight: Number(named.get("q") ?? 1) };
  });
  const best = (wanted: (range: (typeof ranges)[number]) => boolean): number =>
    Math.max(0, ...ranges.filter(wanted).map(({ weight }) => (Number.isNaN(weight) ? 0 : weight)));
  // What stands for anything ("*/*") is no wish for it.
  const open = best(({ type, version }) => type === OPEN_METRICS && (version ?? "1.0.0") === "1.0.0");
  return open > 0 && open >= best(({ type }) => type === "text/plain");
}

/** Writes every metric that one of the tallies knows a series of, in the order of the table. */
export async function expose(tallies: readonly Tally[], asOpenMetrics: boolean): Promise<Exposition> {
  const { Counter, Gauge, Histogram, Registry } = await import("prom-client");
  const registry = new Registry<RegistryContentType>();
  if (asOpenMetrics) {
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  }
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { type, help, labels } = definitionOf(name);
    const labelled = (values: readonly string[]): Record<string, string> =>
      Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ""]));
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    const samples = tallies.flatMap((tally) => tally.samples(name));
    const distributions = tallies.flatMap((tally) => tally.distributions(name));
    if (distributions.length > 0) {
      const values = distributions.flatMap((one) => linesOf(name, one, labelled(one.labels)));
      // It has no way to be given what was counted elsewhere.
      Object.assign(new Histogram(options), { getForPromString: async () => ({ name, help, type, values }) });
    } else if (samples.length > 0) {
      const metric = type === "counter" ? new Counter(options) : new Gauge(options);
      for (const { labels: given, value } of samples) {
        metric.inc(labelled(given), value);
      }
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() };
}

/** The lines of one series of a histogram: each bucket counts all that is not above its bound. */
function linesOf(name: MetricName, { counts, sum }: Distribution, labels: Record<string, string>) {
  const { buckets = [] } = definitionOf(name);
  let total = 0;
  const lines = [...buckets.map(String), "+Inf"].map((bound, index) => {
    total += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le: bound, ...labels }, value: total };
  });
  return [
    ...lines,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
