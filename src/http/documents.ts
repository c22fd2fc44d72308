// Texts that change with the server program only, and what answers need that a client may keep.

import { createHash } from "node:crypto";
import { JSON_TYPE, sendCompressible } from "./compression.ts";
import { type Request, type Response, sendEmpty } from "./message.ts";

/** Sends a text that a client who has it need not get again. @param own in place of the headers of a JSON document. */
export async function sendDocument(
  request: Request,
  response: Response,
  text: string,
  own: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<void> {
  const etag = `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 12)}"`;
  const headers = { ...own, ...cacheHeaders(response, etag) };
  if (validatorsOf(request).some((validator) => isMatch(validator, etag))) {
    sendEmpty(response, 304, headers);
  } else {
    await sendCompressible(request, response, text, headers);
  }
}

/** The answer may be kept, but must be asked for again before it is used. */
export function cacheHeaders(response: Response, etag: string): Record<string, string> {
  return { etag, "cache-control": "no-cache", vary: varyOn(response, "Accept-Encoding") };
}

/** What the answer depends on, beside what has been said already: names of headers. */
export function varyOn(response: Response, ...names: readonly string[]): string {
  return [response.getHeader("vary") ?? [], ...names].flat().join(", ");
}

/** What the client has already (RFC 9110, 13.1.2). */
export function validatorsOf(request: Request): string[] {
  return (request.headers["if-none-match"] ?? "")
    .split(",")
    .map((validator) => validator.trim())
    .filter((validator) => validator !== "");
}

/** Weak comparison of validators. */
export function isMatch(given: string, etag: string): boolean {
  const opaque = (validator: string): string => validator.replace(/^W\//, "");
  return given === "*" || opaque(given) === opaque(etag);
}
