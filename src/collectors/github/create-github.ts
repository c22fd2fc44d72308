// Puts the room together.

import { type Clock, systemClock, type Timers } from "../clock.ts";
import type { RemoteCollector } from "../remote-collector.ts";
import { createGitHubCollector } from "./collector.ts";
import { createGitHubApi } from "./create-api.ts";
import type { AnsweredRequest, OnSend } from "./gate.ts";
import { readHostAliases } from "./ssh-files.ts";
import { createTokenSource, type TokenSource } from "./token.ts";
import { createTransport, type ProxySettings } from "./transport.ts";

/** Where the token comes from. With neither, public repositories alone can be read, and seldom. */
export interface TokenOptions {
  readonly token?: string;
  /** Absolute path of a file that holds the token instead. */
  readonly tokenFile?: string;
}

export interface GitHubOptions extends TokenOptions {
  /** Name of the GitHub server whose repositories count, without port. */
  readonly host: string;
  /** Where its API is, without a trailing slash: the only address that the token is sent to. */
  readonly apiUrl: string;
  /** The user's home directory, for the host aliases of ssh. Absent: there are none but the system's. */
  readonly home?: string;
  /** Default: GitHub is asked directly. */
  readonly proxy?: ProxySettings;
  /** What the requests say of this program. */
  readonly userAgent: string;
  readonly onRequest?: (request: AnsweredRequest) => void;
  readonly onSend?: OnSend;
  /** Is told of what is read from the token file. */
  readonly onToken?: (token: string) => void;
  /** Default: the machine's. */
  readonly time?: Clock & Timers;
}

/** The source `github`. */
export interface GitHub {
  readonly collector: RemoteCollector;
  /** Resolves when it is known what the addresses of remotes mean: to be waited for before the first question. At most 1 s. */
  ready(): Promise<void>;
  /**
   * Reads the token anew, from where it comes from now on.
   *
   * @returns whether it is another one than before.
   * @throws {CollectError} when there is none where one should be.
   */
  reload(from: TokenOptions): Promise<boolean>;
}

/** The user's configuration may lie on a file system that does not answer. */
const ALIASES_DEADLINE_MS = 1_000;

/** Reads nothing and asks nothing before {@link GitHub.ready}. */
export function createGitHub(options: GitHubOptions): GitHub {
  const { host, apiUrl, home, proxy, userAgent, onRequest, onSend, onToken, time } = options;
  const sourceOf = ({ token, tokenFile }: TokenOptions): TokenSource =>
    createTokenSource({
      ...(token && { token }),
      ...(tokenFile && { file: tokenFile }),
      ...(onToken && { onToken }),
    });
  let source = sourceOf(options);
  const api = createGitHubApi({
    apiUrl,
    token: {
      read: (how) => source.read(how),
      get isLasting() {
        return source.isLasting;
      },
    },
    userAgent,
    transport: createTransport({ ...(proxy && { proxy }) }),
    ...(onRequest && { onRequest }),
    ...(onSend && { onSend }),
    ...(time && { clock: time, timers: time }),
  });
  let aliases: ((alias: string) => string | undefined) | undefined;
  const settings = { host, hostOfAlias: (alias: string) => aliases?.(alias) };
  const collector = createGitHubCollector({ api, settings, clock: time ?? systemClock, random: Math.random });
  return {
    collector,
    ready: async () => {
      const reading = readHostAliases(home).then((read) => {
        aliases = read;
      });
      const { promise: tooLate, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ALIASES_DEADLINE_MS);
      await Promise.race([reading, tooLate]);
      clearTimeout(timer);
    },
    reload: (from) => {
      source = sourceOf(from);
      return api.reload();
    },
  };
}
