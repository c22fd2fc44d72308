// Frames of HTTP/2 byte by byte: what no client library would send.

/** One frame (RFC 9113, 4.1). @param length what it says of its payload's length. Default: the truth. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length % 2 ** 24, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field as it is: 0 and its value, or the place of its name in HPACK's static table (RFC 7541, appendix A). */
export function field(name: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(name, value.length), Buffer.from(value)]);
}

/** The header fields of a GET at localhost. */
export function fieldsOfGet(path: string): Buffer {
  const [methodGet, schemeHttp, pathName, authorityName] = [0x82, 0x86, 0x04, 0x01];
  return Buffer.concat([
    Buffer.of(methodGet, schemeHttp),
    field(pathName, path),
    field(authorityName, "localhost"),
  ]);
}
