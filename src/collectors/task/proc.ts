// Processes as Linux shows them under /proc: name, owner and start. Never the command line or the environment: they hold
// secrets. On other systems there are none.

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { attempt } from "../../attempt.ts";
import { type ProcessStat, parseStat } from "../../task-file/process-stat.ts";

/** What is read of /proc. A test that stands in for it sees every path. All throw as node:fs does. */
export interface ProcFiles {
  list(path: string): readonly string[];
  read(path: string): string;
  readLink(path: string): string;
  /** User that a file belongs to. */
  owner(path: string): number;
  /** Device that a file lies on. */
  device(path: string): number;
}

/** The kernel's own. */
export const systemProc: ProcFiles = {
  list: (path) => readdirSync(path),
  read: (path) => readFileSync(path, "utf8"),
  readLink: (path) => readlinkSync(path),
  owner: (path) => statSync(path).uid,
  device: (path) => statSync(path).dev,
};

/** The unit of all times in /proc is fixed at a hundredth of a second on every architecture that Node runs on (USER_HZ). */
const TICK_MS = 10;

/** There is no such process (any more), or nobody but its owner may look. */
const NOT_TO_BE_SEEN: ReadonlySet<string> = new Set([
  "ENOENT",
  "ESRCH",
  "EACCES",
  "EPERM",
  "ENOTDIR",
  "EINVAL",
]);

/**
 * What is read, or undefined when that is not to be seen, for the reason that `unseen` is given.
 *
 * @throws what keeps it from being known (no file descriptors left).
 */
function seen<T>(read: () => T, unseen?: (code: string) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (NOT_TO_BE_SEEN.has(code)) {
      unseen?.(code);
      return undefined;
    }
    throw error;
  }
}

/** Ids of all processes. Empty where there is no /proc. Throws as {@link seen} does. */
export function processIds(files: ProcFiles): number[] {
  const names = seen(() => files.list("/proc")) ?? [];
  return names.filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
}

/** Whether what is read under /proc/loadavg is the kernel's: LXCFS lays a file of its own over it, with the largest id of all. */
export function isLoadOfKernel(files: ProcFiles): boolean {
  return attempt(() => files.device("/proc/loadavg") === files.device("/proc")) ?? false;
}

/**
 * Id of the process (or thread) that was started last: while it is the same, there is no new one. Undefined where that is not
 * told: gVisor always says 0.
 */
export function lastProcessId(files: ProcFiles): number | undefined {
  const [, id] = / (\d+)\n$/.exec(attempt(() => files.read("/proc/loadavg")) ?? "") ?? [];
  return Number(id) || undefined;
}

/** User that a process belongs to. Undefined when it has ended. Throws as {@link seen} does. */
export function processOwner(pid: number, files: ProcFiles): number | undefined {
  return seen(() => files.owner(`/proc/${pid}`));
}

/** How a process stands. Undefined when there is none, or it may not be looked at. Throws as {@link seen} does. */
export function processStat(pid: number, files: ProcFiles): ProcessStat | undefined {
  const text = seen(() => files.read(`/proc/${pid}/stat`));
  return text === undefined ? undefined : parseStat(text);
}

/** The namespace of process numbers that this process lives in. Undefined where it cannot be known. */
export function pidNamespace(files: ProcFiles): string | undefined {
  return attempt(() => files.readLink("/proc/self/ns/pid"));
}

/** A moment in ticks as milliseconds since 1970. Undefined where /proc does not say when the machine started. */
export function ticksToMs(ticks: number, files: ProcFiles): number | undefined {
  const [, seconds] = /^btime (\d+)$/m.exec(attempt(() => files.read("/proc/stat")) ?? "") ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1_000 + ticks * TICK_MS;
}

/** What a process is called. All is absent when it has ended. */
export interface ProcessProgram {
  /** The name that it goes by, which is cut at 15 characters. */
  readonly name?: string | undefined;
  /** Absolute path of its program. Absent for anybody but its owner. */
  readonly program?: string | undefined;
  /** Whether it has no program, and never gets one: a thread of the kernel, or a process that has ended. Absent: no. */
  readonly hasNone?: boolean;
}

/** The name that a process goes by. Undefined when it has ended. Throws as {@link seen} does. */
export function processName(pid: number, files: ProcFiles): string | undefined {
  return seen(() => files.read(`/proc/${pid}/comm`).trimEnd());
}

/** What a process is called. Throws as {@link seen} does. */
export function processProgram(pid: number, files: ProcFiles): ProcessProgram {
  const name = processName(pid, files);
  let hasNone = false;
  const program = seen(
    // The kernel says of a file that was removed meanwhile, as by an update, that it was.
    () => files.readLink(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""),
    (code) => {
      hasNone = code === "ENOENT" && name !== undefined;
    },
  );
  return hasNone ? { name, hasNone } : { name, program };
}

/** The largest process number that Linux gives (PID_MAX_LIMIT). */
const MAX_PID = 4_194_304;

/** Whether there is such a process, be it another user's or hidden from /proc. */
export function processExists(pid: number): boolean {
  if (pid > MAX_PID) {
    return false;
  }
  try {
    // Signal 0 is none: it only asks.
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
