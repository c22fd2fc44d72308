// Reads a second and how long they take, beside bare servers that return the same.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBody, readMessage, readUntilFresh } from "./answer.ts";
import { temporaryDirectory } from "./cleanup.ts";
import { LoadGenerator } from "./load.ts";
import type { Measuring } from "./part.ts";
import { cpuSeconds } from "./proc.ts";
import type { LoadOrder, LoadReport } from "./processes/load-generator.ts";
import { createCountedGit, createRepository, type Repository } from "./repository.ts";
import { type RunningServer, serve, serveBareGrpc, serveBareHttp } from "./servers.ts";
import { percentile } from "./statistics.ts";
import { below, figure, formatTable, judge } from "./table.ts";

const CLIENTS = [1, 10, 100] as const;
/** Each measurement is made in slices, the servers taking turns, so that a drift of the machine hits all alike. */
const SLICES = 4;
const WARM_UP_MS = 300;
const P99_AIM = below(25, "ms");

interface Subject {
  readonly name: string;
  readonly server: RunningServer;
}

/** What one server did for a number of clients. */
interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server and of the processes that it started, in microseconds for one read. */
  readonly cpuUs: number | undefined;
  readonly errors: number;
  readonly firstError: string | undefined;
}

export async function measureReads({ seconds }: Measuring): Promise<number> {
  const repository = await createRepository(50);
  const followed = await followsEvents(repository);
  const servers = {
    ours: await serve({ repository }),
    ...(followed ? { unwatched: await serve({ repository, flags: ["--no-watch"] }) } : {}),
  };
  await readUntilFresh(servers.ours.url);
  const files = temporaryDirectory();
  writeFileSync(join(files, "body"), await readBody(servers.ours.url));
  writeFileSync(join(files, "message"), await readMessage(servers.ours.url));
  const bareHttp = await serveBareHttp(join(files, "body"));
  const bareGrpc = await serveBareGrpc(join(files, "message"));
  const generator = new LoadGenerator();

  const ours: Subject[] = [
    { name: followed ? "ours" : "ours (no events: each read collects)", server: servers.ours },
    ...(servers.unwatched ? [{ name: "ours, --no-watch", server: servers.unwatched }] : []),
  ];
  let errors = 0;
  for (const [title, protocol, bare] of [
    ["GET /metadata over HTTP/1.1", "http", { name: "bare node:http", server: bareHttp }],
    ["GetMetadata over gRPC", "grpc", { name: "@grpc/grpc-js", server: bareGrpc }],
  ] as const) {
    const rows: string[][] = [];
    for (const clients of CLIENTS) {
      const measured = await measure(generator, protocol, [bare, ...ours], clients, seconds);
      errors += [...measured.values()].reduce((sum, figures) => sum + figures.errors, 0);
      rows.push(...rowsOf(measured, bare, clients));
    }
    const header = [
      "clients, server",
      "reads/s",
      "p50 ms",
      "p95 ms",
      "p99 ms",
      "CPU us/read",
      "errors",
      "aim p99",
      "met",
    ];
    console.log(formatTable(`${title}, 50-file repository, at rest`, header, rows));
  }
  const all = [generator, servers.ours, servers.unwatched, bareHttp, bareGrpc];
  await Promise.all(all.map((each) => (each instanceof LoadGenerator ? each.close() : each?.stop())));
  return errors;
}

/** Whether a read of an unchanged repository starts no git: then events tell of every change. */
async function followsEvents(repository: Repository): Promise<boolean> {
  const git = createCountedGit();
  const server = await serve({ repository, firstOnPath: git.directory });
  await readUntilFresh(server.url);
  // Watches come into being after the first answer; what they overlooked until then is collected once more.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await readUntilFresh(server.url);
  const before = git.started();
  await readUntilFresh(server.url);
  await server.stop();
  return git.started() === before;
}

async function measure(
  generator: LoadGenerator,
  protocol: LoadOrder["protocol"],
  subjects: readonly Subject[],
  clients: number,
  seconds: number,
): Promise<ReadonlyMap<Subject, Figures>> {
  const reports = new Map(subjects.map((subject) => [subject, [] as LoadReport[]]));
  const cpuUsed = new Map<Subject, number>();
  for (let slice = 0; slice < SLICES; slice += 1) {
    for (const subject of slice % 2 === 0 ? subjects : subjects.toReversed()) {
      const { url, pid } = subject.server;
      const before = cpuSeconds(pid) ?? Number.NaN;
      const durationMs = WARM_UP_MS + (seconds * 1_000) / SLICES;
      const report = await generator.run({ protocol, url, clients, warmUpMs: WARM_UP_MS, durationMs });
      const used = (cpuSeconds(pid) ?? Number.NaN) - before;
      cpuUsed.set(subject, (cpuUsed.get(subject) ?? 0) + used);
      reports.get(subject)?.push(report);
    }
  }
  return new Map(
    [...reports].map(([subject, each]) => [subject, figuresOf(each, cpuUsed.get(subject) ?? Number.NaN)]),
  );
}

function figuresOf(reports: readonly LoadReport[], cpuS: number): Figures {
  const latencies = reports.flatMap(({ latenciesMs }) => latenciesMs);
  const sum = (value: (report: LoadReport) => number): number =>
    reports.reduce((total, report) => total + value(report), 0);
  return {
    perSecond: latencies.length / (sum(({ elapsedMs }) => elapsedMs) / 1_000),
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    p99Ms: percentile(latencies, 0.99),
    cpuUs: (cpuS * 1e6) / sum(({ reads }) => reads),
    errors: sum(({ errors }) => errors),
    firstError: reports.find(({ firstError }) => firstError !== undefined)?.firstError,
  };
}

/** A row for each server, and below each of ours one of ratios. */
function rowsOf(measured: ReadonlyMap<Subject, Figures>, bare: Subject, clients: number): string[][] {
  const base = measured.get(bare);
  return [...measured].flatMap(([subject, figures]) => {
    const { perSecond, p50Ms, p95Ms, p99Ms, cpuUs, errors, firstError } = figures;
    const isOurs = subject !== bare;
    const row = [
      `${String(clients).padStart(3)}  ${subject.name}`,
      ...[perSecond, p50Ms, p95Ms, p99Ms, cpuUs].map((value) => figure(value)),
      `${errors}${firstError === undefined ? "" : ` (${firstError})`}`,
      ...judge(p99Ms, isOurs ? P99_AIM : undefined),
    ];
    if (!isOurs || base === undefined) {
      return [row];
    }
    const ratios = [
      perSecond / base.perSecond,
      p50Ms / base.p50Ms,
      p95Ms / base.p95Ms,
      p99Ms / base.p99Ms,
      (cpuUs ?? Number.NaN) / (base.cpuUs ?? Number.NaN),
    ];
    return [row, ["       ratio to bare", ...ratios.map((ratio) => figure(ratio, "x"))]];
  });
}
