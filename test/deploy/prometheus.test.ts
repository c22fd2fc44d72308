// The alert rules and the dashboard: valid by Prometheus' own tool, and about metrics and labels that there are.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { METRICS } from "../../src/observability/metric-table.ts";
import { emptyDirectory } from "../helpers/program.ts";
import { HAS_PROMTOOL, promtool } from "../helpers/prometheus.ts";

const folder = join(import.meta.dirname, "../../deploy/prometheus");
const RULES = join(folder, "fleet-metadata.rules.yaml");
const rules = readFileSync(RULES, "utf8");
const dashboard = readFileSync(join(folder, "fleet-metadata.dashboard.json"), "utf8");
const TABLE: Readonly<Record<string, { readonly type: string; readonly labels: readonly string[] }>> =
  METRICS;

/** Every text in a JSON value that stands under one of these names. */
function textsUnder(value: unknown, names: readonly string[]): string[] {
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === "string" && names.includes(name) ? [inner] : textsUnder(inner, names),
  );
}

/** The series that a text speaks of, each with the labels by which it is chosen. */
function seriesIn(text: string): { readonly name: string; readonly labels: readonly string[] }[] {
  return [...text.matchAll(/\b((?:fleet_metadata|process)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = "", chosen = ""]) => ({
      name,
      labels: [...chosen.matchAll(/(\w+)\s*[=!]/g)].map(([, label = ""]) => label),
    }),
  );
}

function expectKnown(text: string): void {
  const series = seriesIn(text);
  expect(series.length).toBeGreaterThan(5);
  for (const { name, labels } of series) {
    const bare = name.replace(/_(bucket|sum|count)$/, "");
    const metric = TABLE[name] ?? (TABLE[bare]?.type === "histogram" ? TABLE[bare] : undefined);
    expect(metric, name).toBeDefined();
    // The others are Prometheus' own.
    const known = ["job", "instance", "le", ...(metric?.labels ?? [])];
    expect(known, name).toEqual(expect.arrayContaining([...labels]));
  }
}

test("the alert rules are about metrics that there are", () => {
  expectKnown(rules.replaceAll(/^\s*#.*$/gm, ""));
});

test("the dashboard is about metrics that there are, and shows all kinds of them", () => {
  const expressions = textsUnder(JSON.parse(dashboard), ["expr", "query"]);
  expectKnown(expressions.join("\n"));
  const shown = expressions.join("\n");
  const unseen = Object.keys(METRICS).filter((name) => !shown.includes(name));
  // What changes once in a while, or says the same as another one.
  expect(unseen).toEqual([
    "fleet_metadata_source_events_complete",
    "fleet_metadata_source_last_collection_success",
    "fleet_metadata_github_request_duration_seconds",
    "fleet_metadata_github_rate_limit_reset_timestamp_seconds",
    "fleet_metadata_git_process_duration_seconds",
    "fleet_metadata_git_processes_running",
    "process_start_time_seconds",
    "process_heap_bytes",
    "process_open_fds",
  ]);
});

test("panels of the dashboard have titles and ids of their own, and do not overlap", () => {
  const { panels } = JSON.parse(dashboard) as {
    panels: { id: number; title: string; gridPos: { x: number; y: number; w: number; h: number } }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  for (const [index, { gridPos: a }] of panels.entries()) {
    for (const { gridPos: b } of panels.slice(index + 1)) {
      expect(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y).toBe(true);
    }
  }
});

test.skipIf(!HAS_PROMTOOL)(
  "promtool finds nothing wrong with the rules (needs Debian's package prometheus)",
  () => {
    expect(promtool(["check", "rules", RULES])).toBe("");
  },
);

test.skipIf(!HAS_PROMTOOL)(
  "promtool reads every expression of the dashboard (needs Debian's package prometheus)",
  () => {
    const expressions = textsUnder(JSON.parse(dashboard), ["expr"]);
    const records = expressions.map((expression, index) => ({
      record: `panel:${index}`,
      expr: expression.replaceAll("$__rate_interval", "5m"),
    }));
    const file = join(emptyDirectory(), "rules.yaml");
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules: records }] }));
    expect(promtool(["check", "rules", file])).toBe("");
  },
);
