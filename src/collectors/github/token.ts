// The token that GitHub is asked with: given as it is, or in a file that may change at any time. Touches that one file.

import { stat } from "node:fs/promises";
import { CollectError } from "../collector.ts";
import { readTokenFile, whyNoToken, whyUnreadable } from "../token-file.ts";

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

/**
 * @param token - The token itself; white space around it is removed. Empty is none.
 * @param file - Absolute path of the file that holds it, instead. A token in a file outranks one that is given.
 * @param onToken - Is told of what is read from the file. Default: nobody is.
 */
export function createTokenSource({
  token,
  file,
  onToken = () => undefined,
}: {
  readonly token?: string;
  readonly file?: string;
  readonly onToken?: (token: string) => void;
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
        const text = await readToken(file);
        onToken(text);
        last = { version, token: checked(text, `the GitHub token file ${file}`) };
      }
      return last.token;
    },
  };
}

function checked(token: string, what: string): string {
  const why = whyNoToken(token);
  if (why !== undefined) {
    throw new CollectError("UNAUTHENTICATED", `${what} ${why}`);
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
    return await readTokenFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): CollectError {
  const why = whyUnreadable(cause);
  return new CollectError("UNAUTHENTICATED", `the GitHub token file ${file} cannot be read: ${why}`, {
    cause,
  });
}
