// The bearer token of a request, compared with the one that is required.

import { createHash, timingSafeEqual } from "node:crypto";

/** Whether an Authorization header holds the required token. Takes the same time for every token that is not. */
export type TokenCheck = (authorization: string | undefined) => boolean;

/** @param required absent: every request will do. */
export function createTokenCheck(required: string | undefined): TokenCheck {
  if (required === undefined) {
    return () => true;
  }
  const expected = digest(required);
  return (authorization) => timingSafeEqual(digest(bearerToken(authorization ?? "")), expected);
}

/** The token of an Authorization header (RFC 6750, 2.1; the scheme in any case). Empty when there is none. */
function bearerToken(authorization: string): string {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
}

/** Of equal length for all texts, as a comparison in constant time needs it. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
