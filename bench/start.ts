// How long a start takes, and what the server costs at rest, as bundle and as executable, beside Node itself and a bare node:http
// server.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readBody, readUntilFresh } from "./answer.ts";
import { startProcess, temporaryDirectory } from "./cleanup.ts";
import type { Measuring } from "./part.ts";
import { cpuSeconds, residentMb } from "./proc.ts";
import { createCountedGit, createRepository } from "./repository.ts";
import { buildExecutable, type RunningServer, serve, serveBareHttp } from "./servers.ts";
import { percentile } from "./statistics.ts";
import { atMost, below, figure, formatTable, judge } from "./table.ts";

const READS = 100;
const SETTLE_MS = 5_000;
const REST_MS = 10_000;

export async function measureStart({ rounds }: Measuring): Promise<number> {
  const repository = await createRepository(50);
  const git = createCountedGit();
  const body = join(temporaryDirectory(), "body");
  const first = await serve({ repository });
  await readUntilFresh(first.url);
  writeFileSync(body, await readBody(first.url));
  await first.stop();

  const executable = [await buildExecutable()];
  const startOurs = () => serve({ repository });
  const startExecutable = () => serve({ repository, program: executable });
  const startBare = () => serveBareHttp(body);
  const times = {
    ours: [] as number[],
    executable: [] as number[],
    bare: [] as number[],
    node: [] as number[],
  };
  for (let round = 0; round < rounds; round += 1) {
    times.ours.push(await timeToAnswer(startOurs, readUntilFresh));
    times.executable.push(await timeToAnswer(startExecutable, readUntilFresh));
    times.bare.push(await timeToAnswer(startBare, async (url) => void (await readBody(url))));
    times.node.push(await timeOfNode());
  }
  const p50 = (samples: readonly number[]) => percentile(samples, 0.5);

  const ours = await rest(await serve({ repository, firstOnPath: git.directory }), git.started);
  const single = await rest(
    await serve({ repository, firstOnPath: git.directory, program: executable }),
    git.started,
  );
  const bare = await rest(await startBare(), () => 0);

  const row = (
    measure: string,
    values: readonly [
      ours: number | undefined,
      executable: number | undefined,
      bare?: number | undefined,
      node?: number | undefined,
    ],
    unit: string,
    aim?: Parameters<typeof judge>[1],
  ): string[] => {
    const [our, alone, other, node] = values;
    const ratio = our === undefined || other === undefined || other === 0 ? undefined : our / other;
    const figures = [our, alone, other, node].map((value) => figure(value, unit));
    // The aim holds for both.
    const worse = our === undefined || alone === undefined ? undefined : Math.max(our, alone);
    return [measure, ...figures, figure(ratio, "x"), ...judge(worse, aim)];
  };
  const rows = [
    row(
      `start to the first complete answer, p50 of ${rounds}`,
      [p50(times.ours), p50(times.executable), p50(times.bare), p50(times.node)],
      "ms",
      below(400, "ms"),
    ),
    row(
      "the same, slowest",
      [
        Math.max(...times.ours),
        Math.max(...times.executable),
        Math.max(...times.bare),
        Math.max(...times.node),
      ],
      "ms",
    ),
    row(
      "resident after the first answer",
      [ours.residentAtStartMb, single.residentAtStartMb, bare.residentAtStartMb],
      "MB",
    ),
    row(
      `resident ${SETTLE_MS / 1_000} s after ${READS} reads`,
      [ours.residentMb, single.residentMb, bare.residentMb],
      "MB",
      below(80, "MB"),
    ),
    row(`CPU in ${REST_MS / 1_000} s at rest`, [ours.cpuMs, single.cpuMs, bare.cpuMs], "ms"),
    row(
      `git processes started in these ${REST_MS / 1_000} s`,
      [ours.gitStarted, single.gitStarted],
      "",
      atMost(0, ""),
    ),
  ];
  const header = ["measure", "ours", "executable", "bare node:http", "node -e 0", "ours/bare", "aim", "met"];
  console.log(formatTable("Start and rest, 50-file repository", header, rows));
  return 0;
}

async function timeToAnswer(
  start: () => Promise<RunningServer>,
  answered: (url: string) => Promise<void>,
): Promise<number> {
  const startedMs = performance.now();
  const server = await start();
  await answered(server.url);
  const took = performance.now() - startedMs;
  await server.stop();
  return took;
}

async function timeOfNode(): Promise<number> {
  const startedMs = performance.now();
  await once(startProcess(process.execPath, ["-e", "0"]), "exit");
  return performance.now() - startedMs;
}

/** Reads a while from a server that has just started, lets it rest, and ends it. */
async function rest({ url, pid, stop }: RunningServer, gitStarted: () => number) {
  await readBody(url);
  const residentAtStartMb = residentMb(pid);
  for (let read = 0; read < READS; read += 1) {
    await readBody(url);
  }
  await sleep(SETTLE_MS);
  const resident = residentMb(pid);
  const before = { cpuS: cpuSeconds(pid) ?? Number.NaN, git: gitStarted() };
  await sleep(REST_MS);
  const cpuMs = ((cpuSeconds(pid) ?? Number.NaN) - before.cpuS) * 1_000;
  const started = gitStarted() - before.git;
  await stop();
  return { residentAtStartMb, residentMb: resident, cpuMs, gitStarted: started };
}
