// A token that a service is asked with, in a file of its own. Touches that one file.

import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A file with a token holds nothing else. In bytes. */
const MAX_FILE_BYTES = 64 * 1024;

class PipeError extends Error {
  override readonly name = "PipeError";
}

/**
 * What the file holds, without the white space around it.
 *
 * @throws what {@link whyUnreadable} has a word for.
 */
export async function readTokenFile(file: string): Promise<string> {
  // A FIFO would block.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if ((await handle.stat()).isFIFO()) {
      throw new PipeError(file);
    }
    const buffer = Buffer.alloc(MAX_FILE_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead).trim();
  } finally {
    await handle.close();
  }
}

/** Why a file could not be read, in a word or two. */
export function whyUnreadable(error: unknown): string {
  return error instanceof PipeError ? "a pipe" : ((error as NodeJS.ErrnoException).code ?? "unknown error");
}

/** Why a text is no token: a header cannot carry it. Undefined: it may be one. Says nothing of the text. */
export function whyNoToken(text: string): string | undefined {
  if (text === "") {
    return "is empty";
  }
  return /^[\x21-\x7e]+$/.test(text) ? undefined : "holds characters that no token has";
}
