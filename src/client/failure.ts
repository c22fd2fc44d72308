// Why a server gave nothing, in the few words that a caller acts on.

import { Code, ConnectError } from "@connectrpc/connect";

/**
 * - `unreachable`: no connection, or it broke, or what stands before the server says that it is not there.
 * - `timeout`: no answer in time.
 * - `refused`: the server understood and said no (the host name is not allowed, the request is out of range).
 * - `unauthenticated`: the token is missing or wrong.
 * - `bad_answer`: something answered, but not as a metadata service does.
 */
export type FailureReason = "unreachable" | "timeout" | "refused" | "unauthenticated" | "bad_answer";

/** Why a call or a watch failed. */
export interface Failure {
  readonly reason: FailureReason;
  /** For a person: one line of at most 300 characters. */
  readonly message: string;
  /** What was thrown, with its code and its `cause`. */
  readonly error: ConnectError;
}

const MESSAGE_CHARACTERS = 300;

/** Codes of Node's parsers: bytes came that are not the protocol. */
const NONSENSE = /^(HPE_|ERR_HTTP2_)/;

/** Codes of the system and of Node's sockets and certificates: the connection could not be had or kept. */
const BROKEN = /^(E[A-Z0-9]+$|EAI_|ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|UND_ERR_)/;

const REASONS: ReadonlyMap<Code, FailureReason> = new Map([
  [Code.Unauthenticated, "unauthenticated"],
  [Code.DeadlineExceeded, "timeout"],
  [Code.PermissionDenied, "refused"],
  [Code.InvalidArgument, "refused"],
  [Code.Unavailable, "unreachable"],
  [Code.Aborted, "unreachable"],
  [Code.Canceled, "unreachable"],
]);

export function explainFailure(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  // What a server sends need not be fit for a terminal or a log.
  const message = error.rawMessage.replaceAll(/[\p{C}\p{Z}]+/gu, " ").trim();
  return { reason: reasonOf(error), message: message.slice(0, MESSAGE_CHARACTERS), error };
}

/** The error for an answer that is well-formed and yet none of a metadata service. */
export function badAnswer(message: string): ConnectError {
  return new ConnectError(message, Code.DataLoss);
}

function reasonOf(error: ConnectError): FailureReason {
  const causes = causesOf(error);
  const codes = causes.map((cause) => ("code" in cause ? String(cause.code) : ""));
  if (codes.some((code) => NONSENSE.test(code))) {
    return "bad_answer";
  }
  // Browsers say with a TypeError that there is no connection, and nothing more.
  if (codes.some((code) => BROKEN.test(code)) || causes.some((cause) => cause instanceof TypeError)) {
    return "unreachable";
  }
  if (error.code === Code.ResourceExhausted) {
    // The same code stands for an answer that is too large to be read. Then it bears no headers.
    return [...error.metadata].length > 0 ? "refused" : "bad_answer";
  }
  return REASONS.get(error.code) ?? "bad_answer";
}

function causesOf(error: Error): Error[] {
  const causes: Error[] = [];
  let { cause } = error;
  while (cause instanceof Error && !causes.includes(cause)) {
    causes.push(cause);
    cause = cause.cause;
  }
  return causes;
}
