// Files that settings name, and settings of others. Nothing here waits: what is not there yet cannot be read.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Of a file that a setting names, or of an agent's settings: far more than any honest one has. In bytes. */
const MAX_CONFIG_FILE_BYTES = 1024 * 1024;

/** What became of reading a file. */
export type FileReading = { readonly bytes: Buffer } | { readonly why: string };

/** Reads a file, or says why it cannot be read: by the system's word (ENOENT) or a few of ours. Follows links. */
export function readConfigFile(path: string): FileReading {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for a writer, and with it the whole server.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return fstatSync(fd).isFIFO() ? { why: "a pipe" } : readAll(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { why: (error as NodeJS.ErrnoException).code ?? "unknown error" };
  }
}

function readAll(fd: number): FileReading {
  const chunks: Buffer[] = [];
  for (let bytes = 0; bytes <= MAX_CONFIG_FILE_BYTES; ) {
    const chunk = Buffer.alloc(64 * 1024);
    const length = readSync(fd, chunk, 0, chunk.length, null);
    if (length === 0) {
      return { bytes: Buffer.concat(chunks) };
    }
    chunks.push(chunk.subarray(0, length));
    bytes += length;
  }
  return { why: `larger than ${MAX_CONFIG_FILE_BYTES} bytes` };
}
