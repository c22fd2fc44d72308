// How soon a change of a repository stands in an answer.

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readAnswer } from "./answer.ts";
import type { Measuring } from "./part.ts";
import type { Repository } from "./repository.ts";
import type { RunningServer } from "./servers.ts";
import { percentile } from "./statistics.ts";
import { type Measured, row, type Subject, serveSettled } from "./subject.ts";
import { below } from "./table.ts";

/** One kind of write, and the value that shows it. Made again and again, in the order of {@link WRITES}. */
interface Write {
  readonly name: string;
  readonly make: (repository: Repository, round: number) => void;
  readonly key: string;
  /** What the key says once the write is seen. */
  readonly shown: (repository: Repository, round: number) => string;
}

const branch = (round: number): string => `round-${round}`;

const WRITES: readonly Write[] = [
  {
    name: "edit",
    make: ({ root, file }, round) => appendFileSync(join(root, file(round)), "One more line.\n"),
    key: "git_status",
    shown: () => "modified",
  },
  {
    name: "add",
    make: ({ git, file }, round) => git("add", "--", file(round)),
    key: "git_status",
    shown: () => "staged",
  },
  {
    name: "commit",
    make: ({ git }, round) => git("commit", "--quiet", "-m", `round ${round}`),
    key: "git_commit_sha",
    shown: ({ git }) => git("rev-parse", "HEAD"),
  },
  {
    name: "checkout",
    make: ({ git }, round) => git("checkout", "--quiet", "-b", branch(round), "HEAD~1"),
    key: "git_branch",
    shown: (_, round) => branch(round),
  },
];

/** What shows no write within this time has failed, in milliseconds. */
const DEADLINE_MS = 10_000;

/** Lets the server come to rest between two writes. */
const PAUSE_MS = 200;

const AIMS_MS: readonly number[] = [50, 150];

export async function measureWrites(subjects: readonly Subject[], { rounds }: Measuring): Promise<Measured> {
  const runs = [];
  for (const subject of subjects) {
    const server = await serveSettled({ repository: subject.repository });
    runs.push({ ...subject, server, tookMs: new Map(WRITES.map(({ name }) => [name, [] as number[]])) });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { repository, server, tookMs } of runs) {
      for (const write of WRITES) {
        await sleep(PAUSE_MS);
        tookMs.get(write.name)?.push(await timeToShow(write, repository, server, round));
      }
    }
  }
  const rows = runs.flatMap(({ name, tookMs }, index) => {
    const all = [...tookMs.values()].flat();
    const aim = AIMS_MS[index];
    return [
      row(`write to the first answer that shows it, ${name}: p50`, percentile(all, 0.5), "ms"),
      row("  p95", percentile(all, 0.95), "ms", aim === undefined ? undefined : below(aim, "ms")),
      ...[...tookMs].map(([write, each]) => row(`  p95 of ${write}`, percentile(each, 0.95), "ms")),
    ];
  });
  await Promise.all(runs.map(({ server }) => server.stop()));
  return { rows, errors: 0 };
}

/** Writes, and from the moment that the write has returned reads one answer after the other. */
async function timeToShow(
  { name, make, key, shown }: Write,
  repository: Repository,
  { url }: RunningServer,
  round: number,
): Promise<number> {
  const before = (await readAnswer(url)).data[key]?.value?.kind.value;
  make(repository, round);
  const writtenMs = performance.now();
  while (performance.now() - writtenMs < DEADLINE_MS) {
    const value = (await readAnswer(url)).data[key]?.value?.kind.value;
    if (value !== before) {
      const tookMs = performance.now() - writtenMs;
      const expected = shown(repository, round);
      if (value !== expected) {
        throw new Error(`${key} is ${value} after ${name}, and not ${expected}`);
      }
      return tookMs;
    }
  }
  throw new Error(`${name} is not shown within ${DEADLINE_MS} ms`);
}
