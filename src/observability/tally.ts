// Numbers that are counted up while the server works: a few bytes for each series, and no library until somebody asks.

import { definitionOf, METRICS, type MetricName } from "./metric-table.ts";

/** One series of a metric. */
export interface Series {
  /** Values of the metric's labels, in the order of its definition. */
  readonly labels: readonly string[];
  /** The value; of a histogram the sum. */
  readonly value: number;
  /** Of a histogram, how many were in each bucket and in none before it; the last one counts those above all bounds. */
  readonly counts: readonly number[];
}

interface Counting extends Series {
  value: number;
  readonly counts: number[];
}

type Named<Type extends string> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];

/** Values of metrics, by name and labels. */
export class Tally {
  readonly #series = new Map<string, Map<string, Counting>>();

  /** One series of a counter or gauge, to count in without looking it up again. It is known from now on, with the value 0. */
  number(name: Named<"counter" | "gauge">, labels: readonly string[]): { value: number } {
    return this.#seriesOf(name, labels);
  }

  /** Adds to a counter or gauge; adding 0 makes a series known that has not counted yet. */
  add(name: Named<"counter" | "gauge">, labels: readonly string[], by = 1): void {
    this.number(name, labels).value += by;
  }

  /** Sets a gauge, or a counter that somebody else counts. */
  set(name: Named<"counter" | "gauge">, labels: readonly string[], value: number): void {
    this.number(name, labels).value = value;
  }

  /** One series of a histogram. @returns what notes a value in it. */
  histogram(name: Named<"histogram">, labels: readonly string[]): (value: number) => void {
    const series = this.#seriesOf(name, labels);
    const buckets: readonly number[] = METRICS[name].buckets;
    return (value) => {
      const found = buckets.findIndex((bound) => value <= bound);
      const index = found === -1 ? buckets.length : found;
      series.counts[index] = (series.counts[index] ?? 0) + 1;
      series.value += value;
    };
  }

  /** Notes one value in a histogram. */
  observe(name: Named<"histogram">, labels: readonly string[], value: number): void {
    this.histogram(name, labels)(value);
  }

  /** What is known of a metric. */
  series(name: MetricName): readonly Series[] {
    return [...(this.#series.get(name)?.values() ?? [])];
  }

  #seriesOf(name: MetricName, labels: readonly string[]): Counting {
    let all = this.#series.get(name);
    if (all === undefined) {
      all = new Map();
      this.#series.set(name, all);
    }
    // No label holds a line break.
    const key = labels.join("\n");
    let series = all.get(key);
    if (series === undefined) {
      const { buckets } = definitionOf(name);
      series = { labels, counts: buckets ? new Array<number>(buckets.length + 1).fill(0) : [], value: 0 };
      all.set(key, series);
    }
    return series;
  }
}
