// What the git source costs while nothing changes: with a few reads, and with none.

import { setTimeout as sleep } from "node:timers/promises";
import { readBody } from "./answer.ts";
import type { Measuring } from "./part.ts";
import { cpuSeconds, residentMb } from "./proc.ts";
import { createCountedGit } from "./repository.ts";
import { type Measured, row, type Subject, serveSettled } from "./subject.ts";
import { atMost, below } from "./table.ts";

const READ_EVERY_MS = 100;

/** Two servers at once, one that is read and one that is not. */
export async function measureRest(
  { name, repository }: Subject,
  { restSeconds }: Measuring,
): Promise<Measured> {
  const git = createCountedGit();
  const read = await serveSettled({ repository, firstOnPath: git.directory });
  const unread = await serveSettled({ repository });

  const startedBefore = git.started();
  const cpuBefore = cpuSeconds(unread.pid) ?? Number.NaN;
  const endMs = performance.now() + restSeconds * 1_000;
  let reads = 0;
  let errors = 0;
  while (performance.now() < endMs) {
    const pause = sleep(READ_EVERY_MS);
    reads += 1;
    await readBody(read.url).catch(() => {
      errors += 1;
    });
    await pause;
  }
  const cpuS = (cpuSeconds(unread.pid) ?? Number.NaN) - cpuBefore;
  const started = git.started() - startedBefore;
  const resident = { read: residentMb(read.pid), unread: residentMb(unread.pid) };
  await Promise.all([read.stop(), unread.stop()]);

  const limitS = 0.1 * (restSeconds / 60);
  return {
    rows: [
      row(
        `git processes in ${restSeconds} s, no change, ${reads} reads, ${name}`,
        started,
        "",
        atMost(0, ""),
      ),
      row(`CPU in ${restSeconds} s, no change, nobody reading, ${name}`, cpuS, "s", below(limitS, "s")),
      row(`resident after that, ${name}`, resident.unread, "MB", below(120, "MB")),
      row(`resident after the ${reads} reads, ${name}`, resident.read, "MB", below(120, "MB")),
    ],
    errors,
  };
}
