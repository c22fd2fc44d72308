// The token that Coder is asked with: given as it is, or in a file that may be replaced at any time. Touches that one file.

import { readTokenFile, whyNoToken, whyUnreadable } from "../token-file.ts";
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

/** A token that does not change. */
export function fixedToken(token: string): TokenSource {
  return { read: async () => checked(token, "the token") };
}

/**
 * The token in a file, as it is at each use.
 *
 * @param onToken is told of what is read. Default: nobody is.
 */
export function tokenInFile(file: string, onToken: (token: string) => void = () => undefined): TokenSource {
  return {
    read: async () => {
      const token = await readToken(file);
      onToken(token);
      return checked(token, `the token file ${file}`);
    },
  };
}

function checked(token: string, what: string): string {
  const why = whyNoToken(token);
  if (why !== undefined) {
    throw new NoAnswerError("UNAUTHENTICATED", `${what} ${why}`);
  }
  return token;
}

async function readToken(file: string): Promise<string> {
  try {
    return await readTokenFile(file);
  } catch (error) {
    const message = `the token file ${file} cannot be read: ${whyUnreadable(error)}`;
    throw new NoAnswerError("UNAUTHENTICATED", message, { cause: error });
  }
}
