// Every limit on connections and requests, in one place, each with its reason.

export const HTTP_LIMITS = {
  /** Open connections. An orchestrator needs a few, a browser six; each costs some 20 KiB. More are closed at once. */
  connections: 1_024,
  /** Time for a new connection to show which protocol it speaks, and for an HTTP/2 one to send its settings. */
  prefaceTimeoutMs: 4_000,
  /** Time for the whole head of an HTTP/1.1 request, then for the whole request. */
  headersTimeoutMs: 8_000,
  requestTimeoutMs: 30_000,
  /** How often those two are looked at. */
  timeoutCheckIntervalMs: 1_000,
  /** Silence between two HTTP/1.1 requests after which the connection is closed. */
  keepAliveTimeoutMs: 65_000,
  /** Silence on an HTTP/2 connection without open streams after which it is closed. */
  idleSessionTimeoutMs: 300_000,
  /** Size of the head of a request, in bytes, for both protocols. */
  headerBytes: 16_384,
  /** Streams that one HTTP/2 connection may have open. */
  streamsPerSession: 100,
  /** Memory that one HTTP/2 session may hold, in MB (Node counts header tables, buffers and streams). */
  sessionMemoryMb: 10,
} as const;
