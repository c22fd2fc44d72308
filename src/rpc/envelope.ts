// What stands before each message of gRPC, gRPC-web and Connect's streams: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

/** One byte of flags, four of the message's length. */
export const PREFIX_BYTES = 5;

/** The flag of a message that is compressed. */
export const COMPRESSED = 1;

/** The one message of a body, without flags; undefined when there is anything else. */
export function onlyMessage(body: Uint8Array): Uint8Array | undefined {
  const [flags] = body;
  const isWhole =
    body.length >= PREFIX_BYTES &&
    new DataView(body.buffer, body.byteOffset).getUint32(1) === body.length - PREFIX_BYTES;
  return flags === 0 && isWhole ? body.subarray(PREFIX_BYTES) : undefined;
}

/** The length of all parts together, in bytes. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** A message with what stands before it. */
export function inEnvelope(parts: readonly Uint8Array[], flags = 0): Uint8Array {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(lengthOf(parts), 1);
  return Buffer.concat([prefix, ...parts]);
}
