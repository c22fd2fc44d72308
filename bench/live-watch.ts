// A stream of one key, and when it shows what.

import type { MetadataClient } from "../src/client/index.ts";

/** What is not shown within this time has failed, in milliseconds. */
const DEADLINE_MS = 60_000;

/** A stream and what it shows. */
export interface Watch {
  /** The moment at which a message has this value. Undefined: none had in time. */
  shows(value: unknown): Promise<number | undefined>;
  end(): Promise<void>;
}

/** Watches one key. */
export function startWatch(client: MetadataClient, key: string): Watch {
  const over = new AbortController();
  let awaited: { readonly value: unknown; readonly resolve: (atMs: number) => void } | undefined;
  let latest: unknown;
  const read = async (): Promise<void> => {
    const stream = client.watchMetadata({}, { signal: over.signal, timeoutMs: 0 });
    for await (const { metadata } of stream) {
      const nowMs = performance.now();
      latest = metadata?.data[key]?.value?.kind.value;
      if (awaited !== undefined && latest === awaited.value) {
        awaited.resolve(nowMs);
      }
    }
  };
  const ended = read().catch((error: unknown) => {
    if (!over.signal.aborted) {
      console.error(error);
    }
  });
  return {
    async shows(value) {
      const { promise, resolve } = Promise.withResolvers<number | undefined>();
      awaited = { value, resolve };
      const timer = setTimeout(() => resolve(undefined), DEADLINE_MS);
      if (latest === value) {
        resolve(performance.now());
      }
      return await promise.finally(() => clearTimeout(timer));
    },
    async end() {
      over.abort();
      await ended;
    },
  };
}
