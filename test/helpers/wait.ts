// Waiting for something that no event tells of, with a deadline.

import { setTimeout as delay } from "node:timers/promises";

/** Resolves as soon as the condition holds, and rejects when it does not within `deadlineMs`. */
export async function until(condition: () => boolean, what: string, deadlineMs = 10_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) {
      throw new Error(`not within ${deadlineMs} ms: ${what}`);
    }
    await delay(5);
  }
}

/** The promise, or a rejection when it takes longer. */
export async function within<T>(deadlineMs: number, what: string, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const timeout = delay(deadlineMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`not within ${deadlineMs} ms: ${what}`);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    over.abort();
    timeout.catch(() => undefined);
  }
}
