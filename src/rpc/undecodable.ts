// Requests of Connect whose bytes are no message. The library answers them with `internal`, as if the server were at fault. That is
// gRPC's own word for it (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), so gRPC and gRPC-web keep it.

import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";

/** What the library says of bytes that it cannot decode. */
const UNDECODABLE = /^(parse binary: |decompression failed$|received compressed envelope)/;

/**
 * Has such requests answered with `invalid_argument`. To be called for every call, before its request is read.
 *
 * @throws {ConnectError} when the message of a GET is no base64: nobody would hear of that later.
 */
export function blameUndecodable(context: HandlerContext): void {
  if (context.protocolName !== "connect") {
    return;
  }
  if (context.requestMethod === "GET") {
    checkBase64(new URL(context.url).searchParams);
  }
  // The library aborts a call with its error as the reason, and writes that same object afterwards: here it can be set right.
  context.signal.addEventListener("abort", () => {
    const reason: unknown = context.signal.reason;
    if (
      reason instanceof ConnectError &&
      reason.code === Code.Internal &&
      UNDECODABLE.test(reason.rawMessage)
    ) {
      Object.assign(reason, { code: Code.InvalidArgument });
    }
  });
}

function checkBase64(parameters: URLSearchParams): void {
  if (parameters.get("base64") === "1") {
    try {
      base64Decode(parameters.get("message") ?? "");
    } catch (cause) {
      const text = "the parameter message is not base64, which base64=1 says that it is";
      throw new ConnectError(text, Code.InvalidArgument, undefined, undefined, cause);
    }
  }
}
