// The git source under load: while files change, and while somebody commits.

import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync, utimesSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadGenerator } from "./load.ts";
import type { Measuring } from "./part.ts";
import type { CommitReport } from "./processes/committer.ts";
import type { LoadReport } from "./processes/load-generator.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row, type Subject, serveSettled } from "./subject.ts";
import { atMost } from "./table.ts";

const CLIENTS = 100;
const CHANGE_EVERY_MS = 100;
const SLICES = 4;
const WARM_UP_MS = 300;

/** Many clients on a large repository while files change, against the same on a small one at rest. */
export async function measureChurn(
  generator: LoadGenerator,
  small: Subject,
  large: Subject,
  { seconds }: Measuring,
): Promise<Measured> {
  const servers = {
    small: await serveSettled({ repository: small.repository }),
    large: await serveSettled({ repository: large.repository }),
  };
  const reports = { small: [] as LoadReport[], large: [] as LoadReport[] };
  const durationMs = WARM_UP_MS + (seconds * 1_000) / SLICES;
  const load = (url: string) =>
    generator.run({ protocol: "http", url, clients: CLIENTS, warmUpMs: WARM_UP_MS, durationMs });
  let changes = 0;
  for (let slice = 0; slice < SLICES; slice += 1) {
    reports.small.push(await load(servers.small.url));
    const changing = setInterval(() => {
      changes += 1;
      writeFileSync(
        join(large.repository.root, large.repository.file(changes % 100)),
        `Change ${changes}.\n`,
      );
    }, CHANGE_EVERY_MS);
    reports.large.push(await load(servers.large.url));
    clearInterval(changing);
  }
  await Promise.all([servers.small.stop(), servers.large.stop()]);
  large.repository.git("checkout", "--quiet", "--", ".");

  const figures = (each: readonly LoadReport[]) => {
    const latencies = each.flatMap(({ latenciesMs }) => latenciesMs);
    const elapsedMs = each.reduce((sum, report) => sum + report.elapsedMs, 0);
    return { p95: percentile(latencies, 0.95), perSecond: latencies.length / (elapsedMs / 1_000) };
  };
  const atRest = figures(reports.small);
  const changing = figures(reports.large);
  const all = [...reports.small, ...reports.large];
  return {
    rows: [
      row(`reads/s, ${CLIENTS} clients, ${small.name}, at rest`, atRest.perSecond, ""),
      row(`reads/s, ${CLIENTS} clients, ${large.name}, 10 changes/s`, changing.perSecond, ""),
      row(`p95 of these reads, ${small.name}, at rest`, atRest.p95, "ms"),
      row(`p95 of these reads, ${large.name}, 10 changes/s`, changing.p95, "ms"),
      row("ratio of the two p95", changing.p95 / atRest.p95, "x", atMost(2, "x")),
      row("failed reads", errorsOf(all), "", atMost(0, "")),
    ],
    errors: errorsOf(all),
  };
}

/** Commits in a loop while clients read without pause; then reads after which the index must be what it was. */
export async function measureCommits(
  generator: LoadGenerator,
  { name, repository }: Subject,
  { commits, seconds }: Measuring,
): Promise<Measured> {
  const clients = 10;
  const server = await serveSettled({ repository });
  const order = { protocol: "http", url: server.url, clients, warmUpMs: 0 } as const;

  const during = generator.start({ ...order, durationMs: Number.POSITIVE_INFINITY });
  const committer = fork(
    join(import.meta.dirname, "processes/committer.ts"),
    [repository.root, repository.file(1), String(commits)],
    { env: repository.env },
  );
  const [message] = await once(committer, "message");
  const { failures, firstFailure } = message as CommitReport;
  during.stop();
  const reports = [await during.report];

  // A file whose content is as it was but whose time is not: what tempts git to refresh the index.
  const index = join(repository.root, ".git/index");
  const touched = join(repository.root, repository.file(2));
  utimesSync(touched, new Date(), new Date());
  await sleep(100);
  const before = fingerprint(index);
  let locks = 0;
  const watcher = watch(join(repository.root, ".git"), (_event, file) => {
    locks += Number(file === "index.lock");
  });
  reports.push(await generator.run({ ...order, durationMs: seconds * 1_000 }));
  await sleep(100);
  watcher.close();
  const changed = Number(fingerprint(index) !== before);
  await server.stop();

  const errors = errorsOf(reports);
  const impaired = reports.reduce((sum, report) => sum + report.impaired, 0);
  const reads = reports.reduce((sum, report) => sum + report.reads, 0);
  return {
    rows: [
      row(`${commits} commits, ${clients} clients reading, ${name}: reads`, reads, ""),
      row("of these, failed", errors, "", atMost(0, "")),
      row("of these, with a source that is stale or failed", impaired, ""),
      row(
        `failures of the committer${firstFailure === undefined ? "" : ` (${firstFailure})`}`,
        failures,
        "",
        atMost(0, ""),
      ),
      row("changes of the index by us", changed, "", atMost(0, "")),
      row("events of an index.lock while only we were at work", locks, "", atMost(0, "")),
    ],
    errors,
  };
}

function errorsOf(reports: readonly LoadReport[]): number {
  return reports.reduce((sum, { errors }) => sum + errors, 0);
}

/** What tells two states of a file apart: its bytes, its time, its identity. */
function fingerprint(path: string): string {
  const { mtimeNs, ino } = statSync(path, { bigint: true });
  return `${createHash("sha256").update(readFileSync(path)).digest("hex")} ${mtimeNs} ${ino}`;
}
