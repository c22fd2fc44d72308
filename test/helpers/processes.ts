// What is still running, asked from /proc: the proof that nothing was left behind.

import { readdirSync, readlinkSync } from "node:fs";

/** Ids of the processes that run in this directory or below it. A zombie has no directory any more. */
export function processesIn(directory: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
      } catch {
        return false;
      }
    });
}

/** Waits until `condition` holds; fails after 10 seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error("waited for 10 seconds in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
