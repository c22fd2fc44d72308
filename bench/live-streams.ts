// A thousand open watch streams: how soon the last one has a change, and what an idle one costs.

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readBody } from "./answer.ts";
import { type Opened, openCrowd, openHttp1Crowd } from "./live-crowd.ts";
import type { Measuring } from "./part.ts";
import { residentMb } from "./proc.ts";
import { createRepository, type Repository } from "./repository.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row, serveSettled } from "./subject.ts";
import { below } from "./table.ts";

const FILES = 50;
const CONNECTIONS = 10;
const STREAMS_PER_CONNECTION = 100;
const STREAMS = CONNECTIONS * STREAMS_PER_CONNECTION;

/** Before memory is looked at for the first time: a server that has answered nothing has code yet to compile. */
const READS = 100;

/** Longer than it takes until the server collects what its start has left behind, which would be counted as given back by streams. */
const SETTLE_MS = 12_000;

/** Longer than changes are merged, and than a source waits before it is collected anew. */
const PAUSE_MS = 1_000;

/** Of one length: none is part of another one. */
const branch = (index: number): string => `wave-${String(index).padStart(4, "0")}`;

export async function measureStreams({ rounds }: Measuring): Promise<Measured> {
  const repository = await createRepository(FILES);
  const branches = Array.from({ length: 2 * rounds }, (_, index) => branch(index));
  for (const name of branches) {
    repository.git("branch", name);
  }
  const shared = await measureCrowd(repository, branches.slice(0, rounds), (url) =>
    openCrowd(url, CONNECTIONS, STREAMS_PER_CONNECTION),
  );
  const single = await measureCrowd(repository, branches.slice(rounds), (url) =>
    openHttp1Crowd(url, STREAMS),
  );
  return {
    rows: [
      [`${STREAMS} streams of gRPC over ${CONNECTIONS} connections`, "", "", ""],
      ...shared.rows,
      [`${STREAMS} streams of Connect, each on an HTTP/1.1 connection of its own`, "", "", ""],
      ...single.rows,
    ],
    errors: shared.errors + single.errors,
  };
}

async function measureCrowd(
  repository: Repository,
  branches: readonly string[],
  open: (url: string) => Promise<Opened>,
): Promise<Measured> {
  const server = await serveSettled({ repository });
  try {
    for (let read = 0; read < READS; read += 1) {
      await readBody(server.url);
    }
    await sleep(SETTLE_MS);
    const without = residentMb(server.pid);
    const openedMs = performance.now();
    const { crowd, opened } = await open(server.url);
    try {
      await sleep(SETTLE_MS);
      const idle = residentMb(server.pid);
      const firstMs: number[] = [];
      const lastMs: number[] = [];
      let errors = opened.missing;
      for (const name of branches) {
        await sleep(PAUSE_MS);
        const arrived = crowd.got(name);
        const startedMs = performance.now();
        checkOut(repository, name);
        const arrival = await arrived;
        errors += arrival.missing;
        firstMs.push(arrival.firstMs - startedMs);
        lastMs.push(arrival.missing === 0 ? arrival.lastMs - startedMs : Number.NaN);
      }
      await sleep(SETTLE_MS);
      const after = residentMb(server.pid);
      return {
        rows: [
          row("  opened, the last one has its first message", opened.lastMs - openedMs, "ms"),
          row(
            `  one change: the last one has it, p50 of ${branches.length}`,
            percentile(lastMs, 0.5),
            "ms",
            below(300, "ms"),
          ),
          row("    slowest", Math.max(...lastMs), "ms", below(300, "ms")),
          row("    the first one has it, p50", percentile(firstMs, 0.5), "ms"),
          row("  resident without streams", without, "MB"),
          row("  resident with them, idle", idle, "MB"),
          row("  memory per idle stream", kibPerStream(without, idle), "KiB", below(64, "KiB")),
          row(`    the same after ${branches.length} changes`, kibPerStream(without, after), "KiB"),
        ],
        errors,
      };
    } finally {
      await crowd.close();
    }
  } finally {
    await server.stop();
  }
}

/** To a branch of the same commit, as git does it, at one moment. */
function checkOut({ root }: Repository, name: string): void {
  const head = join(root, ".git/HEAD");
  writeFileSync(`${head}.lock`, `ref: refs/heads/${name}\n`);
  renameSync(`${head}.lock`, head);
}

function kibPerStream(withoutMb: number | undefined, withMb: number | undefined): number | undefined {
  return withoutMb === undefined || withMb === undefined
    ? undefined
    : ((withMb - withoutMb) * 1e6) / 1_024 / STREAMS;
}
