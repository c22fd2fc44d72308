// GET /metrics of a server that reads a real repository and asks a stand-in for GitHub.

import { expect, test } from "vitest";
import { openPull } from "../helpers/cloned-app.ts";
import { HAS_PROMTOOL, parseSeries, promtool, scrapeUntil, sumOf } from "../helpers/prometheus.ts";
import { createRepository } from "../helpers/repository.ts";
import { startServer } from "../helpers/server.ts";

const BRANCH = "a-topic-that-is-nobodys-label";

test("P20: git's processes and GitHub's points are counted, and no name of a repository or secret is in a metric", async () => {
  const { github, repository, options } = await openPull(BRANCH);
  const { url } = await startServer(options);
  await fetch(`${url}/metadata`);
  const series = await scrapeUntil(
    url,
    (now) => now.get('fleet_metadata_source_collections_total{source="github",outcome="success"}') === 1,
  );
  const { books } = github;
  expect(sumOf(series, "fleet_metadata_github_requests_total")).toBe(books.requests.length);
  expect(series.get("fleet_metadata_github_points_total")).toBe(books.points);
  expect(series.get("fleet_metadata_github_request_duration_seconds_count")).toBe(books.requests.length);
  expect(series.get("fleet_metadata_github_rate_limit")).toBe(5_000);
  expect(series.get("fleet_metadata_github_rate_limit_remaining")).toBe(5_000 - books.points);
  const resetSeconds = series.get("fleet_metadata_github_rate_limit_reset_timestamp_seconds") ?? 0;
  expect(resetSeconds * 1_000).toBeGreaterThan(Date.now());
  const status = { command: "status", outcome: "answered" };
  expect(sumOf(series, "fleet_metadata_git_processes_total", status)).toBeGreaterThan(0);
  expect(series.get("fleet_metadata_git_process_duration_seconds_count")).toBe(
    sumOf(series, "fleet_metadata_git_processes_total"),
  );
  expect(series.get("fleet_metadata_git_processes_running")).toBe(0);
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).not.toMatch(/s3cr3t|octo|nobodys/);
  expect(text).not.toContain(repository.root);
  if (HAS_PROMTOOL) {
    expect(promtool(["check", "metrics"], text)).toBe("");
  }
});

test("a git that is not there is counted as not started, and a missing answer of GitHub's is no zero", async () => {
  const repository = createRepository();
  repository.commit({ "a.txt": "a\n" }, "first");
  const { url } = await startServer({
    collectors: "real",
    flags: { workspace: repository.root, taskFile: repository.path("no-task.json") },
    env: { PATH: "/nonexistent", HOME: repository.home },
  });
  await fetch(`${url}/metadata`);
  const series = parseSeries(await (await fetch(`${url}/metrics`)).text());
  expect(sumOf(series, "fleet_metadata_git_processes_total", { outcome: "not_started" })).toBeGreaterThan(0);
  expect(series.get('fleet_metadata_source_state{source="git",state="failed"}')).toBe(1);
  expect([...series.keys()].filter((key) => key.startsWith("fleet_metadata_github_rate_limit"))).toEqual([]);
});
