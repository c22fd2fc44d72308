// What the process costs, asked at the moment of a scrape. Touches Node's own counters and /proc/self.

import { readdir } from "node:fs/promises";
import { Tally } from "./tally.ts";

/** The process's metrics as they are now. Nothing is measured between two calls: that would wake an idle process. */
export async function processValues(): Promise<Tally> {
  const tally = new Tally();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const { active } = performance.eventLoopUtilization();
  tally.set("fleet_metadata_event_loop_lag_seconds", [], (await lagMs()) / 1_000);
  tally.set("fleet_metadata_event_loop_active_seconds_total", [], active / 1_000);
  tally.set("process_start_time_seconds", [], performance.timeOrigin / 1_000);
  tally.set("process_cpu_seconds_total", [], (user + system) / 1_000_000);
  tally.set("process_resident_memory_bytes", [], rss);
  tally.set("process_heap_bytes", [], heapUsed);
  // Another system than Linux, or out of descriptors.
  const descriptors = await readdir("/proc/self/fd").catch(() => undefined);
  if (descriptors !== undefined) {
    tally.set("process_open_fds", [], descriptors.length);
  }
  return tally;
}

/** How long something that is due at once waits for its turn. */
async function lagMs(): Promise<number> {
  const sentMs = performance.now();
  await new Promise((resolve) => setImmediate(resolve));
  return performance.now() - sentMs;
}
