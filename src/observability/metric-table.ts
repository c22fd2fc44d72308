// Every metric that there is: the table in docs/operations.md is generated from this one. Touches nothing.

/** What one metric is. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** For a person: what it means, and what its absence means where it can be absent. */
  readonly help: string;
  /** Names of its labels. None of them ever holds what a client or a repository has made up. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** In seconds. From a read that waits for nothing to one that waits for a deadline. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const COLLECTION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PROCESS_BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const GITHUB_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** By name. `process_*` are the names that all client libraries share. */
export const METRICS = {
  fleet_metadata_build_info: {
    type: "gauge",
    help: "Always 1. Versions of the server program, of the contract and of Node.",
    labels: ["version", "contract", "node"],
  },
  fleet_metadata_source_state: {
    type: "gauge",
    help: "1 for the state that the source is in (fresh, stale, no_data, failed, disabled, pending), 0 for the others.",
    labels: ["source", "state"],
  },
  fleet_metadata_source_age_seconds: {
    type: "gauge",
    help: "Time since what is known was collected. Absent while nothing ever was. A source that is told of every change grows old in peace.",
    labels: ["source"],
  },
  fleet_metadata_source_events_complete: {
    type: "gauge",
    help: "1 when events tell of every change of the source, 0 when every read has to collect anew. Absent for sources without events.",
    labels: ["source"],
  },
  fleet_metadata_source_last_collection_success: {
    type: "gauge",
    help: "1 when the last collection succeeded, 0 when it failed. Absent before the first has ended.",
    labels: ["source"],
  },
  fleet_metadata_source_collections_total: {
    type: "counter",
    help: "Collections that have ended, by outcome (success, failure). Finding nothing is a success.",
    labels: ["source", "outcome"],
  },
  fleet_metadata_source_timeouts_total: {
    type: "counter",
    help: "Collections that have failed because they took too long. They count as failures, too.",
    labels: ["source"],
  },
  fleet_metadata_source_collection_duration_seconds: {
    type: "histogram",
    help: "How long collections took, failed ones included.",
    labels: ["source"],
    buckets: COLLECTION_BUCKETS,
  },
  fleet_metadata_http_requests_total: {
    type: "counter",
    help: "Requests on plain routes that have ended, by status. The code canceled: the client went before it was answered.",
    labels: ["route", "method", "protocol", "code"],
  },
  fleet_metadata_http_request_duration_seconds: {
    type: "histogram",
    help: "How long plain routes took to answer. Streams, and requests that asked to wait, do not count.",
    labels: ["route"],
    buckets: REQUEST_BUCKETS,
  },
  fleet_metadata_http_requests_in_flight: {
    type: "gauge",
    help: "Requests on plain routes that are being served, streams included.",
    labels: ["route"],
  },
  fleet_metadata_rpc_requests_total: {
    type: "counter",
    help: "RPCs that have ended, by Connect's word for their code (ok, invalid_argument, ...) and by protocol (grpc, grpc-web, connect).",
    labels: ["rpc", "protocol", "code"],
  },
  fleet_metadata_rpc_request_duration_seconds: {
    type: "histogram",
    help: "How long unary RPCs took to answer.",
    labels: ["rpc"],
    buckets: REQUEST_BUCKETS,
  },
  fleet_metadata_rpc_requests_in_flight: {
    type: "gauge",
    help: "RPCs that are being served, streams included.",
    labels: ["rpc"],
  },
  fleet_metadata_streams_open: {
    type: "gauge",
    help: "Answers that last until somebody ends them, by route or RPC: watches, events, requests that wait for a change.",
    labels: ["stream"],
  },
  fleet_metadata_github_requests_total: {
    type: "counter",
    help: "Requests that GitHub has answered, by status. 304 costs nothing where there is a token.",
    labels: ["code"],
  },
  fleet_metadata_github_request_duration_seconds: {
    type: "histogram",
    help: "How long GitHub took to answer.",
    labels: [],
    buckets: GITHUB_BUCKETS,
  },
  fleet_metadata_github_points_total: {
    type: "counter",
    help: "Points of GitHub's primary rate limit that this server has spent.",
    labels: [],
  },
  fleet_metadata_github_rate_limit: {
    type: "gauge",
    help: "Points of the primary rate limit in each window, for all who share the token. Absent before GitHub has said so.",
    labels: [],
  },
  fleet_metadata_github_rate_limit_remaining: {
    type: "gauge",
    help: "Points that are left in this window, for all who share the token, as last seen. Absent before GitHub has said so.",
    labels: [],
  },
  fleet_metadata_github_rate_limit_reset_timestamp_seconds: {
    type: "gauge",
    help: "When the window ends, by GitHub's clock. Absent before GitHub has said so.",
    labels: [],
  },
  fleet_metadata_git_processes_total: {
    type: "counter",
    help: "Processes of git that have ended, by command and outcome (answered, aborted at a deadline, not_started).",
    labels: ["command", "outcome"],
  },
  fleet_metadata_git_process_duration_seconds: {
    type: "histogram",
    help: "How long processes of git took.",
    labels: [],
    buckets: PROCESS_BUCKETS,
  },
  fleet_metadata_git_processes_running: {
    type: "gauge",
    help: "Processes of git that run.",
    labels: [],
  },
  fleet_metadata_event_loop_lag_seconds: {
    type: "gauge",
    help: "How long what was due at the moment of the scrape had to wait for its turn.",
    labels: [],
  },
  fleet_metadata_event_loop_active_seconds_total: {
    type: "counter",
    help: "Time in which the event loop was busy. At one second per second it has no time left.",
    labels: [],
  },
  process_start_time_seconds: {
    type: "gauge",
    help: "When the process began, in seconds since 1970.",
    labels: [],
  },
  process_cpu_seconds_total: {
    type: "counter",
    help: "CPU time of the process, user and system.",
    labels: [],
  },
  process_resident_memory_bytes: {
    type: "gauge",
    help: "Resident memory of the process.",
    labels: [],
  },
  process_heap_bytes: {
    type: "gauge",
    help: "JavaScript objects on the heap, garbage included.",
    labels: [],
  },
  process_open_fds: {
    type: "gauge",
    help: "Open file descriptors. Absent where the system does not tell.",
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;

/** What is known of a metric, by its name. */
export function definitionOf(name: MetricName): MetricDefinition {
  return METRICS[name];
}
