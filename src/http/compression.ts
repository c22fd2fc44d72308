// Large texts, compressed for clients that say that they can read that. Streams of events are not: each would have to be
// flushed by itself, and most of a state is repeated from event to event, which is what a reader that cares avoids by `keys`.

import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { COMPRESSION } from "../metadata/limits.ts";
import { type Request, type Response, sendBytes } from "./message.ts";

const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: COMPRESSION.brotliQuality } };

/** By the names that HTTP has for them, the one that we like best first. */
const ENCODINGS: Readonly<Record<string, (bytes: Uint8Array) => Promise<Uint8Array>>> = {
  br: (bytes) => promisify(brotliCompress)(bytes, BROTLI),
  gzip: (bytes) => promisify(gzip)(bytes),
};

/** For {@link sendCompressible}. */
export const JSON_TYPE: Readonly<Record<string, string>> = { "content-type": "application/json" };

/** Sends a text with status 200, compressed when it is large and the client wants it so. @param headers with its type. */
export async function sendCompressible(
  request: Request,
  response: Response,
  text: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const body = Buffer.from(`${text}\n`);
  const encoding =
    body.length < COMPRESSION.minBytes ? undefined : chooseEncoding(request.headers["accept-encoding"]);
  const compress = ENCODINGS[encoding ?? ""];
  if (encoding === undefined || compress === undefined) {
    sendBytes(request, response, 200, body, headers);
  } else {
    const encoded = { ...headers, "content-encoding": encoding };
    sendBytes(request, response, 200, await compress(body), encoded);
  }
}

/**
 * @param accepted the header Accept-Encoding (RFC 9110, 12.5.3).
 * @returns what the client likes best of what we have; undefined: as it is.
 */
export function chooseEncoding(accepted = ""): string | undefined {
  const weights = new Map(
    accepted.split(",").map((item) => {
      const [name = "", ...parameters] = item
        .toLowerCase()
        .split(";")
        .map((part) => part.trim());
      const weight = parameters.map(weightIn).find((found) => found !== undefined);
      return [name, weight ?? 1];
    }),
  );
  const weightOf = (name: string): number => weights.get(name) ?? weights.get("*") ?? 0;
  const [best] = Object.keys(ENCODINGS).sort((a, b) => weightOf(b) - weightOf(a));
  return best !== undefined && weightOf(best) > 0 ? best : undefined;
}

/** Undefined when the parameter is no weight. */
function weightIn(parameter: string): number | undefined {
  const [name = "", value] = parameter.split("=", 2).map((part) => part.trim());
  return name === "q" && value !== undefined ? Number(value) : undefined;
}
