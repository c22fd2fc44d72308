// Which of two hooks began first. An agent starts its hooks one after the other, but they need not end so, and what it tells
// them carries no time.

import type { ProcessStat } from "../task-file/process-stat.ts";

const { readFileSync } = process.getBuiltinModule("node:fs");

/**
 * When a process began: the boot of the machine, ticks since then, process id. Two that began within one tick (10 ms) are
 * told apart by their ids, which the kernel hands out in ascending order.
 */
export function orderOf(process: ProcessStat | undefined, startedMs: number): string {
  return process === undefined
    ? // Without /proc (not Linux): the clock, as this process read it first.
      `clock:${Math.floor(startedMs)}:0`
    : `${bootId()}:${process.startTicks}:${process.pid}`;
}

/** Ids start again from the lowest past the highest, which is at least this. */
const PID_RANGE = 32_768;

/** Whether a process began before another. False where that cannot be known: another boot, another kind of clock. */
export function isEarlier(order: string, than: string | undefined): boolean {
  const [a, b] = [parse(order), parse(than ?? "")];
  if (a === undefined || b === undefined || a.boot !== b.boot) {
    return false;
  }
  if (a.ticks !== b.ticks) {
    return a.ticks < b.ticks;
  }
  const wrapped = Math.abs(a.pid - b.pid) > PID_RANGE / 2;
  return wrapped ? a.pid > b.pid : a.pid < b.pid;
}

function parse(order: string) {
  const match = /^([\w-]+):(\d+):(\d+)$/.exec(order);
  return match === null ? undefined : { boot: match[1], ticks: Number(match[2]), pid: Number(match[3]) };
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "unknown";
  }
}
