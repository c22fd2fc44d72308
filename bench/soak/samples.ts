// What the server's process holds over time, as the kernel says: memory, descriptors, children; and how soon it answers. Linux only.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { residentMb } from "../proc.ts";
import { percentile } from "../statistics.ts";
import type { PlainClient } from "./plain-client.ts";

export interface Sample {
  /** Seconds after the start. */
  readonly atS: number;
  readonly residentMb: number;
  readonly descriptors: number;
  readonly children: number;
  /** How long `/health` took, which waits for nothing but the event loop. */
  readonly healthMs: number;
}

const PERIOD_MS = 1_000;
/** The event loop stands still when this takes longer. */
const HEALTH_DEADLINE_MS = 10_000;

/** What the files and sockets are that a process has open. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}

/** Ids of the processes that a process has started and that are there. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")
      .split(" ")
      .filter((text) => text !== "")
      .map(Number),
  );
}

/** Takes a sample every second until the signal is aborted. @throws {Error} when the server does not answer any more. */
export async function takeSamples(http: PlainClient, pid: number, signal: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = [];
  const startMs = performance.now();
  while (!signal.aborted) {
    const askedMs = performance.now();
    await http.get("/health", AbortSignal.timeout(HEALTH_DEADLINE_MS));
    samples.push({
      atS: (askedMs - startMs) / 1_000,
      residentMb: residentMb(pid) ?? Number.NaN,
      descriptors: descriptorsOf(pid).length,
      children: childrenOf(pid).length,
      healthMs: performance.now() - askedMs,
    });
    await sleep(PERIOD_MS, undefined, { signal }).catch(() => undefined);
  }
  return samples;
}

/** Resident memory about a time: the median of the samples in these seconds. Undefined when there is none. */
export function residentBetween(samples: readonly Sample[], fromS: number, toS: number): number | undefined {
  const within = samples.filter(({ atS }) => atS >= fromS && atS < toS).map((sample) => sample.residentMb);
  return within.length === 0 ? undefined : percentile(within, 0.5);
}
