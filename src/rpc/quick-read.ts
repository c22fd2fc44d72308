// The one call that is made most, GetMetadata over gRPC on HTTP/2, when there is nothing to wait for: without the library's streams of
// async iterables, which take three times the CPU. Whatever is not plain is left to the library, errors included.

import { fromBinary } from "@bufbuild/protobuf";
import { attempt } from "../attempt.ts";
import { GetMetadataRequestSchema } from "../gen/fleet/metadata/v1/service_pb.ts";
import { COMPRESSION } from "../metadata/limits.ts";
import { selectKeys } from "../metadata/selection.ts";
import { inEnvelope, onlyMessage, PREFIX_BYTES } from "./envelope.ts";
import { RPC_LIMITS } from "./limits.ts";
import { parseView } from "./metadata-service.ts";
import { type AnswerPlainCall, bodyOf, type PlainCallOptions, readBody } from "./plain-call.ts";
import { acceptedCompression, GRPC } from "./plain-protocols.ts";

/** A timeout of a millisecond or more. One that may be over before anything is done, or is malformed, is the library's to refuse. */
const TIMEOUT = /^[1-9]\d{0,7}[HMSm]$/;

export function createQuickRead({
  service,
  encodeAnswer,
  acceptCompression,
}: PlainCallOptions): AnswerPlainCall {
  /** The answer. Undefined: the library has to give it. */
  const answerTo = (body: Uint8Array, cause: object | undefined): Uint8Array | undefined => {
    const message = onlyMessage(body);
    const { keys, view, maxAge } = message
      ? fromBinary(GetMetadataRequestSchema, message)
      : { keys: undefined };
    if (keys === undefined || maxAge !== undefined) {
      return undefined;
    }
    const selection = selectKeys(service.catalogue, keys);
    const wantedView = parseView(view);
    if (!service.readAtOnce(selection, cause)) {
      return undefined;
    }
    return inEnvelope(encodeAnswer(selection, wantedView));
  };

  return async ({ protocol, request, response, cause }) => {
    const timeout = request.headers[GRPC.headers.timeout];
    const isInTime = timeout === undefined || (typeof timeout === "string" && TIMEOUT.test(timeout));
    if (protocol !== GRPC || !isInTime) {
      return undefined;
    }
    const { chunks, isComplete } = await readBody(request);
    const body = Buffer.concat(chunks);
    const rest = (): AsyncIterable<Uint8Array> => bodyOf(chunks, isComplete ? undefined : request);
    const compression = acceptedCompression(request, GRPC, acceptCompression);
    // What is wrong with a request, the library finds out again, and says.
    const answer = isComplete ? attempt(() => answerTo(body, cause)) : undefined;
    const length = (answer?.length ?? 0) - PREFIX_BYTES;
    if (answer === undefined || length > RPC_LIMITS.writeMaxBytes) {
      return rest();
    }
    if (compression !== null) {
      if (length >= COMPRESSION.minBytes) {
        return rest();
      }
      response.setHeader(GRPC.headers.encoding, compression.name);
    }
    response.setHeader("content-type", GRPC.answerType);
    response.addTrailers({ "grpc-status": "0" });
    response.end(answer);
    return "ok";
  };
}
