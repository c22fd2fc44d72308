// The token that Coder is asked with: given as it is, or in a file that may be replaced at any time. Touches that one file.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { NoAnswerError } from "./http-json.ts";

/** Where the token comes from. */
export interface TokenSource {
  /**
   * The token as of now.
   *
   * @throws {NoAnswerError} UNAUTHENTICATED, when there is none that could be sent.
   */
  read(): Promise<string>;
}

/** A file with a token holds nothing else. In bytes. */
const MAX_FILE_BYTES = 64 * 1024;

/** A token that does not change. */
export function fixedToken(token: string): TokenSource {
  return { read: async () => checked(token, "the token") };
}

/** The token in a file, as it is at each use. */
export function tokenInFile(file: string): TokenSource {
  return { read: async () => checked((await readToken(file)).trim(), `the token file ${file}`) };
}

function checked(token: string, what: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const why = token === "" ? "is empty" : "holds characters that no token has";
    throw new NoAnswerError("UNAUTHENTICATED", `${what} ${why}`);
  }
  return token;
}

async function readToken(file: string): Promise<string> {
  try {
    // A FIFO would block.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(MAX_FILE_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new NoAnswerError("UNAUTHENTICATED", `the token file ${file} cannot be read: ${code}`, {
      cause: error,
    });
  }
}
