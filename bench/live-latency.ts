// How long after a write in the work tree the message that shows it has reached the client.

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createMetadataClient } from "../src/client/index.ts";
import { startWatch } from "./live-watch.ts";
import type { Measuring } from "./part.ts";
import { createRepository } from "./repository.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row, serveSettled } from "./subject.ts";
import { below } from "./table.ts";

const FILES = 50;
const WRITES_PER_ROUND = 10;

/** Longer than changes are merged, and than a source waits before it is collected anew. */
const PAUSE_MS = 500;

/** Counts the lines that were added: each write adds one. */
const KEY = "git_diff_insertions";

export async function measureLatency({ rounds }: Measuring): Promise<Measured> {
  const repository = await createRepository(FILES);
  const server = await serveSettled({ repository });
  const client = createMetadataClient(server.url, { protocol: "grpc" });
  const watch = startWatch(client, KEY);
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
