// The stream of states: the whole state first, then one per change, and a heartbeat when nothing changes.

import { WATCH_LIMITS } from "./limits.ts";
import type { Selection } from "./selection.ts";
import type { MetadataService, ReadOptions } from "./service.ts";
import type { Snapshot } from "./snapshot.ts";

/** How a watch is to run. */
export interface WatchOptions {
  readonly selection: Selection;
  /** How long nothing may be sent before the state is sent again unchanged, in milliseconds. */
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  /** The fingerprint of a state that the reader has: the first one is sent when it differs. Default: none. */
  readonly known?: string;
  /** See {@link ReadOptions.cause}: of the first state alone. What is collected later is collected for all who watch. */
  readonly cause?: object | undefined;
}

/**
 * Yields the state of the selected metadata at once and again after every change of it. Each state is the newest one at
 * the moment the reader asks for it, so a slow reader has no backlog. Ends when `signal` is aborted. That, and not the end
 * of this generator, is what ends its subscription: a reader that went while something was written asks no more.
 */
export async function* watchMetadata(
  service: MetadataService,
  { selection, heartbeatMs, signal, known, cause }: WatchOptions,
): AsyncGenerator<Snapshot, void, undefined> {
  if (signal.aborted) {
    return;
  }
  let wake: (() => void) | undefined;
  const end = service.subscribe(() => wake?.(), selection.sources);
  signal.addEventListener("abort", end, { once: true });

  /** Resolves after a time, when aborted, and, if wanted, at a change of any metadata. */
  const pause = (ms: number, untilChange: boolean): Promise<void> =>
    new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        wake = undefined;
        resolve();
      };
      // Node drops what is less than a millisecond, and would wake up too early.
      const timer = setTimeout(finish, Math.ceil(ms));
      signal.addEventListener("abort", finish, { once: true });
      wake = untilChange ? finish : undefined;
      if (signal.aborted) {
        finish();
      }
    });

  try {
    await currentOrEnded(service, { selection, signal, cause });
    let sent = known;
    let sentAt = performance.now();
    let mergedUntil = sentAt;
    while (!signal.aborted) {
      const { snapshot } = service;
      const state = snapshot.fingerprint(selection);
      const isNews = state !== sent;
      const dueInMs = (isNews ? mergedUntil : sentAt + heartbeatMs) - performance.now();
      if (dueInMs <= 0) {
        sent = state;
        yield snapshot;
        sentAt = performance.now();
        mergedUntil = sentAt + WATCH_LIMITS.mergeMs;
      } else {
        await pause(dueInMs, !isNews);
      }
    }
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

/** Resolves once the selected sources are current, or when `signal` is aborted. */
async function currentOrEnded(
  service: MetadataService,
  read: ReadOptions & { readonly signal: AbortSignal },
): Promise<void> {
  try {
    await service.read(read);
  } catch (error) {
    if (!read.signal.aborted) {
      throw error;
    }
  }
}
