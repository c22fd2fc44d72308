// Every limit on connections and requests, in one place, each with its reason.

export interface HttpLimits {
  /** Open connections. More are closed at once. */
  readonly connections: number;
  /** Time for a new connection to show which protocol it speaks, and for an HTTP/2 one to send its settings. */
  readonly prefaceTimeoutMs: number;
  /** Time for the whole head of an HTTP/1.1 request. */
  readonly headersTimeoutMs: number;
  /** Time for a whole request, head and body. */
  readonly requestTimeoutMs: number;
  /** How often those two are looked at. */
  readonly timeoutCheckIntervalMs: number;
  /** Silence between two HTTP/1.1 requests after which the connection is closed. */
  readonly keepAliveTimeoutMs: number;
  /** Time without open streams after which an HTTP/2 connection is closed. */
  readonly idleSessionTimeoutMs: number;
  /** Size of the head of a request, in bytes, for both protocols. */
  readonly headerBytes: number;
  /** Streams that one HTTP/2 connection may have open. */
  readonly streamsPerSession: number;
  /**
   * Requests that are open on all connections, streams among them. More are refused with `resource_exhausted`, but for the health
   * route.
   */
  readonly openRequests: number;
  /** Requests of one HTTP/1.1 connection that are served at a time. The others wait for their turn. */
  readonly pipelinedRequests: number;
  /** Memory that one HTTP/2 session may hold, in MB (Node counts header tables, buffers and streams). */
  readonly sessionMemoryMb: number;
  /** How often the peer of an HTTP/2 connection with open streams is asked whether it is still there. */
  readonly pingIntervalMs: number;
  /** How long such a peer may take to answer before the connection is closed. */
  readonly pingTimeoutMs: number;
  /** Silence on a connection after which the kernel asks whether the peer is still there (ten times, a second apart). */
  readonly keepAliveProbeMs: number;
  /**
   * How long after something was sent to an HTTP/1.1 peer it is checked whether the peer acknowledges it, and how often from then
   * on. A peer that acknowledges nothing is given up at the third check in a row.
   */
  readonly resendCheckMs: number;
  /** The reader of an answer that takes nothing of it for so long is cut off. */
  readonly writeStallMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  // An orchestrator needs a few, a browser six; each costs some 20 KiB.
  connections: 1_024,
  // What is silent is to be gone within 5 s.
  prefaceTimeoutMs: 4_000,
  // A head that comes byte by byte is to be refused within 10 s, the check interval and a slow first byte included.
  headersTimeoutMs: 7_000,
  requestTimeoutMs: 30_000,
  timeoutCheckIntervalMs: 1_000,
  // Longer than the minute for which proxies keep connections: they are to be the ones that close.
  keepAliveTimeoutMs: 65_000,
  idleSessionTimeoutMs: 300_000,
  // Node's own default; a request for every key by name takes 2 KiB.
  headerBytes: 16_384,
  streamsPerSession: 100,
  // One costs some 40 KiB: all that the connections may carry would take 4 GiB. A fleet's orchestrators need a few.
  openRequests: 2_048,
  pipelinedRequests: 100,
  sessionMemoryMb: 10,
  // A peer that has vanished is to be found within a minute.
  pingIntervalMs: 20_000,
  pingTimeoutMs: 20_000,
  // Shorter than any heartbeat: while something that was sent is not acknowledged, the kernel does not ask.
  keepAliveProbeMs: 5_000,
  // With a heartbeat of 15 s in the way of the kernel's probes, a peer that vanished is found within 57 s.
  resendCheckMs: 14_000,
  writeStallMs: 30_000,
};

/** Server-sent events. */
export const EVENT_LIMITS = {
  /** A comment is sent when nothing was for so long: proxies end connections that are silent for 30 s or a minute. */
  heartbeatMs: 15_000,
  /** When a client that lost its connection is to come back. */
  retryMs: 1_000,
} as const;
