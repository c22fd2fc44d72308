// Limits on RPC messages.

export const RPC_LIMITS = {
  /** Largest request message, in bytes, before and after decompression. A request holds a list of keys and little else. */
  readMaxBytes: 64 * 1024,
  /** Largest response message, in bytes: both views of 1 MiB of entries, with room for the envelope. */
  writeMaxBytes: 4 * 1024 * 1024,
  /** Longest content type that is looked at, in characters. The longest one of an RPC has half of that. */
  typeCharacters: 64,
} as const;
