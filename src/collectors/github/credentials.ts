// Which token is used, and that one which GitHub has refused is not used again.

import type { Timers } from "../clock.ts";
import type { CollectError } from "../collector.ts";
import type { TokenSource } from "./token.ts";

export interface Credentials {
  /** As last read. Undefined: none is configured, or none was read yet. */
  readonly token: string | undefined;
  /** Why nothing may be asked until there is another token. Undefined: the present one was not refused. */
  readonly refusal: CollectError | undefined;
  /**
   * Reads the token again where it may have changed.
   *
   * @param anew - Even where nothing tells that it has.
   * @throws {CollectError} UNAUTHENTICATED, when there is none where one should be.
   */
  read(anew?: boolean): Promise<void>;
  /** GitHub does not accept the present token. */
  refuse(refusal: CollectError): void;
  /** Calls `changed` when a refused token was replaced, or a missing one was found, until `signal` is aborted. */
  watch(changed: () => void, signal: AbortSignal): void;
}

/** How often a file is looked at for another token while GitHub refuses the present one. */
const CHECK_MS = 10_000;

export interface CredentialsOptions {
  readonly source: TokenSource;
  readonly timers: Timers;
  /** Is called when another token than before was read, before anybody uses it. */
  readonly replaced: () => void;
}

export function createCredentials({ source, timers, replaced }: CredentialsOptions): Credentials {
  const listeners = new Set<() => void>();
  let token: string | undefined;
  let refusal: CollectError | undefined;
  /** Whether there was none, where one should be, when it was last read. */
  let isMissing = false;
  let stopChecking: (() => void) | undefined;

  const read = async (anew = false): Promise<void> => {
    const now = await readSource(anew);
    const isFound = isMissing;
    isMissing = false;
    const isOther = now !== token;
    const isLifted = isFound ? isOther || refusal === undefined : isOther && refusal !== undefined;
    if (isOther) {
      token = now;
      refusal = undefined;
      replaced();
    }
    if (isLifted) {
      for (const listener of [...listeners]) {
        listener();
      }
    }
  };

  const readSource = async (anew: boolean): Promise<string | undefined> => {
    try {
      return await source.read({ anew });
    } catch (error) {
      isMissing = true;
      checkLater();
      throw error;
    }
  };

  /** While nothing is asked because of the token, nobody else notices another one. */
  const checkLater = (): void => {
    stopChecking?.();
    const isNeeded = (refusal !== undefined || isMissing) && !source.isLasting && listeners.size > 0;
    stopChecking = isNeeded ? timers.start(CHECK_MS, check) : undefined;
  };

  const check = (): void => {
    // A file that cannot be read now may be there the next time.
    read().then(checkLater, checkLater);
  };

  return {
    get token() {
      return token;
    },
    get refusal() {
      return refusal;
    },
    read,
    refuse: (error) => {
      refusal = error;
      checkLater();
    },
    watch: (changed, signal) => {
      if (signal.aborted) {
        return;
      }
      const listener = (): void => changed();
      listeners.add(listener);
      const forget = (): void => {
        listeners.delete(listener);
        checkLater();
      };
      signal.addEventListener("abort", forget, { once: true });
      checkLater();
    },
  };
}
