// How an RPC has ended, read from what its client is told: some calls end before any handler or interceptor hears of them.

import { Code } from "@connectrpc/connect";
import { endStreamFlag } from "@connectrpc/connect/protocol-connect";
import { trailerFlag } from "@connectrpc/connect/protocol-grpc-web";
import { PREFIX_BYTES } from "./envelope.ts";

/** What is known of an answer when it is written. */
export interface Answered {
  /** HTTP status. */
  readonly status: number;
  readonly contentType: string;
  /** Of gRPC, in the trailers or, without a body, in the header. */
  readonly grpcStatus: string | null | undefined;
  /** The last piece of the body. */
  readonly last: Uint8Array | undefined;
}

/** Connect's words for its codes, by number. */
const WORDS: ReadonlyMap<number, string> = new Map(
  Object.entries(Code)
    .filter((entry): entry is [string, Code] => typeof entry[1] === "number")
    .map(([name, code]) => [code, name.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase()]),
);

/** Connect's word for how a call has ended, `ok` included. `unknown` when the answer does not say. */
export function answerCode({ status, contentType, grpcStatus, last }: Answered): string {
  if (contentType.startsWith("application/grpc-web")) {
    const said = grpcStatus ?? /^grpc-status: *(\d+)/im.exec(endText(last, trailerFlag))?.[1];
    return grpcWord(said);
  }
  if (contentType.startsWith("application/grpc")) {
    return grpcWord(grpcStatus);
  }
  if (contentType.startsWith("application/connect+")) {
    const end = endText(last, endStreamFlag);
    return end === "" ? "unknown" : codeIn(end, (value) => (value as { error?: unknown }).error, "ok");
  }
  return status === 200 ? "ok" : codeIn(text(last), (value) => value, "unknown");
}

function grpcWord(status: string | null | undefined): string {
  return status === "0" ? "ok" : (WORDS.get(Number(status ?? Number.NaN)) ?? "unknown");
}

/** The text in the envelope that ends a stream; empty when it is another one. */
function endText(envelope: Uint8Array | undefined, flag: number): string {
  return envelope !== undefined && ((envelope[0] ?? 0) & flag) !== 0
    ? text(envelope.subarray(PREFIX_BYTES))
    : "";
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("utf8");
}

/** The code of an error in a JSON text. Only words that Connect has: no other text gets into a label. */
function codeIn(json: string, errorOf: (value: object) => unknown, withoutError: string): string {
  try {
    const value: unknown = JSON.parse(json);
    const error = typeof value === "object" && value !== null ? errorOf(value) : undefined;
    if (typeof error !== "object" || error === null) {
      return withoutError;
    }
    const code = "code" in error ? error.code : undefined;
    return [...WORDS.values()].find((word) => word === code) ?? "unknown";
  } catch {
    return "unknown";
  }
}
