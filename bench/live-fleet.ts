// A hundred servers, each a process of its own on a repository of its own: read once, and watched while nothing happens.

import { setTimeout as sleep } from "node:timers/promises";
import { collectFleet, createFleet, type FleetResult, watchFleet } from "../src/client/index.ts";
import { readUntilFresh } from "./answer.ts";
import type { Measuring } from "./part.ts";
import { cpuSeconds, residentMb } from "./proc.ts";
import { copyRepository, createRepository } from "./repository.ts";
import { type RunningServer, serve } from "./servers.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row } from "./subject.ts";
import { atMost, below } from "./table.ts";

const SERVERS = 100;
const FILES = 20;

/** How many are started at a time. */
const BATCH = 4;

/** Time for all servers to come to rest. */
const SETTLE_MS = 10_000;
const PAUSE_MS = 500;

/** Long enough that a slow machine makes a slow figure, and not a failed read. */
const TIMEOUT_MS = 60_000;

/** A fleet that is not connected as a whole within this time has failed, in milliseconds. */
const CONNECT_MS = 60_000;

export async function measureFleet(measuring: Measuring): Promise<Measured> {
  const servers: RunningServer[] = [];
  try {
    const startedMs = performance.now();
    await startAll(servers);
    const tookS = (performance.now() - startedMs) / 1_000;
    console.log(`${SERVERS} servers were started in ${tookS.toFixed(1)} s.\n`);
    await sleep(SETTLE_MS);
    const collected = await measureCollect(servers, measuring);
    const watched = await measureWatch(servers, measuring);
    const resident = servers.map(({ pid }) => residentMb(pid) ?? Number.NaN);
    return {
      rows: [
        ...collected.rows,
        ...watched.rows,
        row("  resident after that, p50 of the servers", percentile(resident, 0.5), "MB"),
      ],
      errors: collected.errors + watched.errors,
    };
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()));
  }
}

/** Each server that runs is in `servers` at once, whatever becomes of the others. */
async function startAll(servers: RunningServer[]): Promise<void> {
  const model = await createRepository(FILES);
  while (servers.length < SERVERS) {
    const size = Math.min(BATCH, SERVERS - servers.length);
    const starts = Array.from({ length: size }, async () => {
      const server = await serve({ repository: copyRepository(model) });
      servers.push(server);
      await readUntilFresh(server.url);
    });
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") {
      throw failed.reason;
    }
  }
}

async function measureCollect(servers: readonly RunningServer[], { rounds }: Measuring): Promise<Measured> {
  const targets = servers.map(({ url }) => url);
  const results: FleetResult[] = [];
  const timed = async (collect: () => Promise<FleetResult[]>): Promise<number> => {
    await sleep(PAUSE_MS);
    const startedMs = performance.now();
    results.push(...(await collect()));
    return performance.now() - startedMs;
  };
  const cpuBefore = cpuOfAll(servers);
  const firstMs = await timed(() => collectFleet(targets, { timeoutMs: TIMEOUT_MS }));
  const firstCpuS = cpuOfAll(servers) - cpuBefore;
  const coldMs: number[] = [];
  const warmMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    coldMs.push(await timed(() => collectFleet(targets, { timeoutMs: TIMEOUT_MS })));
  }
  const fleet = createFleet(targets, { timeoutMs: TIMEOUT_MS });
  try {
    await fleet.collect();
    for (let round = 0; round < rounds; round += 1) {
      warmMs.push(await timed(() => fleet.collect()));
    }
  } finally {
    fleet.close();
  }
  const failed = results.filter(({ response }) => response === undefined);
  for (const { target, reason, message } of failed.slice(0, 3)) {
    console.log(`${String(target)}: ${reason}: ${message}`);
  }
  // What has no events is collected with every read, and every second while it is watched.
  const eventless = results
    .slice(-SERVERS)
    .filter(({ response }) => response?.sources["git"]?.reason.startsWith("WATCH_"));
  return {
    rows: [
      row(
        `${SERVERS} servers: those that got no file events from the system`,
        eventless.length,
        "",
        atMost(0, ""),
      ),
      row("  collectFleet, the very first", firstMs, "ms", below(2_000, "ms")),
      row("    CPU of all servers for it", firstCpuS, "s"),
      row(
        `  collectFleet, new connections, p50 of ${rounds}`,
        percentile(coldMs, 0.5),
        "ms",
        below(2_000, "ms"),
      ),
      row(
        `  collectFleet, connections reused, p50 of ${rounds}`,
        percentile(warmMs, 0.5),
        "ms",
        below(500, "ms"),
      ),
      row("    slowest", Math.max(...warmMs), "ms", below(500, "ms")),
    ],
    errors: failed.length,
  };
}

async function measureWatch(
  servers: readonly RunningServer[],
  { restSeconds }: Measuring,
): Promise<Measured> {
  const over = new AbortController();
  let changes = 0;
  const view = watchFleet(
    servers.map(({ url }) => url),
    {
      signal: over.signal,
      onChange: () => {
        changes += 1;
      },
    },
  );
  try {
    const connected = () =>
      [...view.members.values()].filter(({ connection }) => connection.state === "connected").length;
    const startedMs = performance.now();
    while (connected() < SERVERS && performance.now() - startedMs < CONNECT_MS) {
      await sleep(10);
    }
    const connectedMs = performance.now() - startedMs;
    await sleep(SETTLE_MS);
    const cpuBefore = cpuOfAll(servers);
    changes = 0;
    await sleep(restSeconds * 1_000);
    const cpuS = cpuOfAll(servers) - cpuBefore;
    const told = changes;
    const limitS = restSeconds / 60;
    return {
      rows: [
        row("  watchFleet, until all are connected", connectedMs, "ms"),
        row(`  watchFleet, CPU of all servers in ${restSeconds} s, no change`, cpuS, "s", below(limitS, "s")),
        row("    changes told in that time", told, "", atMost(0, "")),
      ],
      errors: SERVERS - connected(),
    };
  } finally {
    over.abort();
    await view.ended;
  }
}

function cpuOfAll(servers: readonly RunningServer[]): number {
  return servers.reduce((sum, { pid }) => sum + (cpuSeconds(pid) ?? Number.NaN), 0);
}
