// What the server counts of itself, told by hooks that the other rooms are given, and asked for by scrapes.

import { type Exposition, expose, prefersOpenMetrics } from "./exposition.ts";
import { processValues } from "./process-values.ts";
import { type CountedRequest, createRequestCount } from "./request-count.ts";
import { Tally } from "./tally.ts";

/** How a source is doing at the moment of a scrape. */
export interface SourceNow {
  /** One of {@link STATES}. */
  readonly state: string;
  /** Undefined: nothing was ever collected. */
  readonly ageMs: number | undefined;
}

/** GitHub's primary rate limit as last seen. */
export interface RateLimitNow {
  readonly limit: number;
  readonly remaining: number;
  /** In milliseconds since 1970. */
  readonly resetMs: number;
}

/** What is asked at the moment of a scrape. */
export interface Now {
  /** By name. */
  readonly sources: ReadonlyMap<string, SourceNow>;
  readonly rateLimit: RateLimitNow | undefined;
}

export interface MetricsOptions {
  readonly serverVersion: string;
  readonly contractVersion: string;
  /** In milliseconds, for durations. */
  readonly monotonicMs: () => number;
}

/** The hooks and the scrape. No hook throws, and none does more than count. */
export interface Metrics {
  /** A collection has ended. @param failure the reason when it failed. */
  collected(source: string, durationMs: number, failure?: string): void;
  /** Events began or ceased to tell of every change of a source. */
  coverage(source: string, isComplete: boolean): void;
  /** A request begins. @returns what is to be called when it has ended, with its status or code. */
  requested(request: CountedRequest): (code: string) => void;
  /** GitHub has answered. */
  githubAnswered(answer: {
    readonly status: number;
    readonly durationMs: number;
    readonly points: number;
  }): void;
  /** A process of git begins. @returns what is to be called when it has ended. */
  gitStarted(command: string): (outcome: string) => void;
  /** @param accept the header of the request. */
  scrape(accept: string | undefined, now: Now): Promise<Exposition>;
}

/** Every state of a source. */
const STATES = ["fresh", "stale", "no_data", "failed", "disabled", "pending"];

/** Makes the metrics of one server. */
export function createMetrics({ serverVersion, contractVersion, monotonicMs }: MetricsOptions): Metrics {
  const tally = new Tally();
  tally.set("fleet_metadata_build_info", [serverVersion, contractVersion, process.versions.node], 1);
  // Known from the start, so that a first one is seen as an increase.
  tally.add("fleet_metadata_git_processes_running", [], 0);
  tally.add("fleet_metadata_github_points_total", [], 0);

  return {
    collected: (source, durationMs, failure) => {
      for (const outcome of ["success", "failure"]) {
        const isThis = (outcome === "failure") === (failure !== undefined);
        tally.add("fleet_metadata_source_collections_total", [source, outcome], isThis ? 1 : 0);
      }
      tally.add("fleet_metadata_source_timeouts_total", [source], failure === "TIMEOUT" ? 1 : 0);
      tally.set("fleet_metadata_source_last_collection_success", [source], failure === undefined ? 1 : 0);
      tally.observe("fleet_metadata_source_collection_duration_seconds", [source], durationMs / 1_000);
    },
    coverage: (source, isComplete) =>
      tally.set("fleet_metadata_source_events_complete", [source], isComplete ? 1 : 0),
    requested: createRequestCount(tally, monotonicMs),
    githubAnswered: ({ status, durationMs, points }) => {
      tally.add("fleet_metadata_github_requests_total", [String(status)]);
      tally.add("fleet_metadata_github_points_total", [], points);
      tally.observe("fleet_metadata_github_request_duration_seconds", [], durationMs / 1_000);
    },
    gitStarted: (command) => {
      const startedMs = monotonicMs();
      tally.add("fleet_metadata_git_processes_running", []);
      return (outcome) => {
        tally.add("fleet_metadata_git_processes_running", [], -1);
        tally.add("fleet_metadata_git_processes_total", [command, outcome]);
        const seconds = (monotonicMs() - startedMs) / 1_000;
        tally.observe("fleet_metadata_git_process_duration_seconds", [], seconds);
      };
    },
    scrape: async (accept, now) =>
      await expose([tally, valuesOf(now), await processValues()], prefersOpenMetrics(accept)),
  };
}

function valuesOf({ sources, rateLimit }: Now): Tally {
  const tally = new Tally();
  for (const [source, { state, ageMs }] of sources) {
    for (const one of STATES) {
      tally.set("fleet_metadata_source_state", [source, one], one === state ? 1 : 0);
    }
    if (ageMs !== undefined) {
      tally.set("fleet_metadata_source_age_seconds", [source], ageMs / 1_000);
    }
  }
  if (rateLimit !== undefined) {
    tally.set("fleet_metadata_github_rate_limit", [], rateLimit.limit);
    tally.set("fleet_metadata_github_rate_limit_remaining", [], rateLimit.remaining);
    const resetSeconds = rateLimit.resetMs / 1_000;
    tally.set("fleet_metadata_github_rate_limit_reset_timestamp_seconds", [], resetSeconds);
  }
  return tally;
}
