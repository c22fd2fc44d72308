// What the kernel says about a process. Linux only: elsewhere there is no such figure.

import { readdirSync, readFileSync } from "node:fs";

/** Length of the kernel's unit of CPU time, in seconds: USER_HZ is 100 on every architecture that Node runs on. */
const TICK_S = 0.01;

/** Resident memory in MB (10^6 bytes). */
export function residentMb(pid: number): number | undefined {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return kilobytes === undefined ? undefined : (Number(kilobytes) * 1_024) / 1e6;
}

/** CPU time used so far, in seconds: by all threads to the nanosecond, by children that have ended to 10 ms. */
export function cpuSeconds(pid: number): number | undefined {
  const threads = list(`/proc/${pid}/task`);
  if (threads.length === 0) {
    return undefined;
  }
  const own = threads
    .map((thread) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(" ", 1)[0]))
    .reduce((sum, nanoseconds) => sum + nanoseconds, 0);
  // The second field, the program's name, may hold blanks and parentheses. cutime and cstime are the fields 16 and 17.
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ");
  const ofChildren = (Number(fields[13]) + Number(fields[14])) * TICK_S;
  return own / 1e9 + ofChildren;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
