// The token that GitHub is asked with: given as it is, or in a file that may change at any time. Touches that one file.

import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { CollectError } from "../collector.ts";

/** Where the token comes from. */
export interface TokenSource {
  /**
   * The token as of now. Undefined: none is configured. A file is read again only when it has changed, by its times, size and
   * identity.
   *
   * @param options.anew - Reads the file even so.
   * @throws {CollectError} UNAUTHENTICATED, when the file holds no token or cannot be read.
   */
  read(options?: { readonly anew?: boolean }): Promise<string | undefined>;
  /** Whether it can ever become another one. */
  readonly isLasting: boolean;
}

/** A file with a token holds nothing else. In bytes. */
const MAX_FILE_BYTES = 64 * 1024;

/** What a header can carry and every token of GitHub consists of. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * @param token - The token itself; white space around it is removed. Empty is none.
 * @param file - Absolute path of the file that holds it, instead. A token in a file outranks one that is given.
 */
export function createTokenSource({
  token,
  file,
}: {
  readonly token?: string;
  readonly file?: string;
}): TokenSource {
  if (file === undefined) {
    const given = token?.trim();
    return {
      isLasting: true,
      read: async () =>
        given === undefined || given === "" ? undefined : checked(given, "the GitHub token"),
    };
  }
  let last: { readonly version: string; readonly token: string } | undefined;
  return {
    isLasting: false,
    read: async ({ anew = false } = {}) => {
      const version = await versionOf(file);
      if (anew || last?.version !== version) {
        last = undefined;
        last = { version, token: checked(await readToken(file), `the GitHub token file ${file}`) };
      }
      return last.token;
    },
  };
}

function checked(token: string, what: string): string {
  if (token === "") {
    throw new CollectError("UNAUTHENTICATED", `${what} is empty`);
  }
  if (!TOKEN.test(token)) {
    throw new CollectError("UNAUTHENTICATED", `${what} holds characters that no token has`);
  }
  return token;
}

async function versionOf(file: string): Promise<string> {
  try {
    const { dev, ino, mtimeNs, ctimeNs, size } = await stat(file, { bigint: true });
    return [dev, ino, mtimeNs, ctimeNs, size].join(" ");
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function readToken(file: string): Promise<string> {
  try {
    // A FIFO would block.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(MAX_FILE_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead).trim();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): CollectError {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  return new CollectError("UNAUTHENTICATED", `the GitHub token file ${file} cannot be read: ${code}`, {
    cause,
  });
}
