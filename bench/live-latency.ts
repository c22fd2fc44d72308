// How long after a write in the work tree the message that shows it has reached the client.

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createMetadataClient, type MetadataClient } from "../src/client/index.ts";
import type { Measuring } from "./part.ts";
import { createRepository } from "./repository.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row, serveSettled } from "./subject.ts";
import { below } from "./table.ts";

const FILES = 50;
const WRITES_PER_ROUND = 10;

/** Longer than changes are merged, and than a source waits before it is collected anew. */
const PAUSE_MS = 500;

/** What shows no write within this time has failed, in milliseconds. */
const DEADLINE_MS = 60_000;

/** Counts the lines that were added: each write adds one. */
const KEY = "git_diff_insertions";

export async function measureLatency({ rounds }: Measuring): Promise<Measured> {
  const repository = await createRepository(FILES);
  const server = await serveSettled({ repository });
  const client = createMetadataClient(server.url, { protocol: "grpc" });
  const watch = startWatch(client);
  const tookMs: number[] = [];
  const writes = rounds * WRITES_PER_ROUND;
  let errors = 0;
  try {
    await watch.shows(0);
    for (let write = 1; write <= writes; write += 1) {
      await sleep(PAUSE_MS);
      const path = join(repository.root, repository.file(write % FILES));
      const shown = watch.shows(write);
      const startedMs = performance.now();
      appendFileSync(path, "One more line.\n");
      const shownMs = await shown;
      if (shownMs === undefined) {
        errors += 1;
      } else {
        tookMs.push(shownMs - startedMs);
      }
    }
  } finally {
    await watch.end();
    client.close();
    await server.stop();
  }
  return {
    rows: [
      row(
        `write to the message that shows it, gRPC, p50 of ${writes}`,
        percentile(tookMs, 0.5),
        "ms",
        below(40, "ms"),
      ),
      row("  p95", percentile(tookMs, 0.95), "ms", below(150, "ms")),
      row("  slowest", Math.max(...tookMs), "ms"),
    ],
    errors,
  };
}

/** A stream and what it shows. */
interface Watch {
  /** The moment at which a message has this many lines. Undefined: none had in time. */
  shows(lines: number): Promise<number | undefined>;
  end(): Promise<void>;
}

function startWatch(client: MetadataClient): Watch {
  const over = new AbortController();
  let awaited: { readonly lines: number; readonly resolve: (atMs: number) => void } | undefined;
  let latest: number | undefined;
  const read = async (): Promise<void> => {
    const stream = client.watchMetadata({}, { signal: over.signal, timeoutMs: 0 });
    for await (const { metadata } of stream) {
      const nowMs = performance.now();
      latest = Number(metadata?.data[KEY]?.value?.kind.value);
      if (latest === awaited?.lines) {
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
    async shows(lines) {
      const { promise, resolve } = Promise.withResolvers<number | undefined>();
      awaited = { lines, resolve };
      const timer = setTimeout(() => resolve(undefined), DEADLINE_MS);
      if (latest === lines) {
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
