// What RPC clients are told when a call fails: a code, a text for a person, and details that programs can read.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { InvalidRequestError } from "../metadata/invalid-request-error.ts";

/** `google.rpc.ErrorInfo.domain` of everything that this server says of itself. */
const DOMAIN = "fleet-metadata";

/** When a client that lost a stopping server is to try again: a restart takes less than a second. */
const RESTART_MS = 1_000;

/** What a client is told: what it got wrong, that it went or waited too long, or that there is a defect, without its text. */
export function asRpcError(
  error: unknown,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): ConnectError {
  if (error instanceof InvalidRequestError) {
    return invalidRequest(error);
  }
  if (error instanceof ConnectError || signal.aborted) {
    return ConnectError.from(signal.aborted ? signal.reason : error, Code.Canceled);
  }
  onError(error);
  return new ConnectError("unexpected error, see the server's log", Code.Internal);
}

/** Why calls end when the server stops. */
export function stoppingError(): ConnectError {
  return new ConnectError("the server is stopping", Code.Unavailable, undefined, [
    info("STOPPING"),
    { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(RESTART_MS) } },
  ]);
}

function invalidRequest(error: InvalidRequestError): ConnectError {
  const { message, field, problem: description } = error;
  return new ConnectError(
    message,
    Code.InvalidArgument,
    undefined,
    [
      info("INVALID_FIELD", { field }),
      {
        desc: BadRequestSchema,
        value: { fieldViolations: [{ field, description, reason: "INVALID_FIELD" }] },
      },
    ],
    error,
  );
}

function info(reason: string, metadata: Record<string, string> = {}) {
  const value: MessageInitShape<typeof ErrorInfoSchema> = { reason, domain: DOMAIN, metadata };
  return { desc: ErrorInfoSchema, value };
}
