// Which methods plain routes have. Asked when the path is known to be one of them: gRPC clients send POST to paths that do not exist, and
// are to hear that of those.

import type { Refusal } from "../message.ts";

/** As the header Allow has them. */
export const PLAIN_METHODS = "GET, HEAD, OPTIONS";

/** Why a method is refused on a plain route. Undefined: it is not. */
export function refuseMethod(method = ""): Refusal | undefined {
  if (PLAIN_METHODS.split(", ").includes(method)) {
    return undefined;
  }
  const message = `the method ${method} is not allowed here; allowed are ${PLAIN_METHODS}`;
  return { status: 405, code: "unimplemented", message, headers: { allow: PLAIN_METHODS } };
}
