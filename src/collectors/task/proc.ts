// Processes as Linux shows them under /proc: name, owner and start. Never the command line or the environment: they hold
// secrets. On other systems there are none.

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";

/** What is read of /proc. A test that stands in for it sees every path. All throw as node:fs does. */
export interface ProcFiles {
  list(path: string): readonly string[];
  read(path: string): string;
  readLink(path: string): string;
  /** User that a file belongs to. */
  owner(path: string): number;
}

/** The kernel's own. */
export const systemProc: ProcFiles = {
  list: (path) => readdirSync(path),
  read: (path) => readFileSync(path, "utf8"),
  readLink: (path) => readlinkSync(path),
  owner: (path) => statSync(path).uid,
};

/** When a process began. */
export interface ProcessStart {
  /** Clock ticks since the machine started: the same for as long as it is the same process, whatever the clock does. */
  readonly ticks: number;
  /** Whether it has ended, and only its parent does not know yet. */
  readonly isZombie: boolean;
}

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
 * What is read, or undefined when that is not to be seen.
 *
 * @throws what keeps it from being known (no file descriptors left).
 */
function seen<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (NOT_TO_BE_SEEN.has((error as NodeJS.ErrnoException).code ?? "")) {
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

/** User that a process belongs to. Undefined when it has ended. Throws as {@link seen} does. */
export function processOwner(pid: number, files: ProcFiles): number | undefined {
  return seen(() => files.owner(`/proc/${pid}`));
}

/** When a process began. Undefined when there is none, or it may not be looked at. */
export function processStart(pid: number, files: ProcFiles): ProcessStart | undefined {
  try {
    return parseStat(files.read(`/proc/${pid}/stat`));
  } catch {
    return undefined;
  }
}

/**
 * Reads the text of /proc/PID/stat (proc_pid_stat(5)): the name stands in parentheses and may hold any character, so the
 * fields are counted from the last parenthesis.
 */
export function parseStat(text: string): ProcessStart | undefined {
  const fields = text
    .slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(" ");
  const [state] = fields;
  const ticks = Number(fields[19] ?? Number.NaN);
  return Number.isSafeInteger(ticks) ? { ticks, isZombie: state === "Z" || state === "X" } : undefined;
}

/** A moment in ticks as milliseconds since 1970. Undefined where /proc does not say when the machine started. */
export function ticksToMs(ticks: number, files: ProcFiles): number | undefined {
  try {
    const [, seconds] = /^btime (\d+)$/m.exec(files.read("/proc/stat")) ?? [];
    return seconds === undefined ? undefined : Number(seconds) * 1_000 + ticks * TICK_MS;
  } catch {
    return undefined;
  }
}

/**
 * What a process is called: the name that it goes by, which is cut at 15 characters, and the file name of its program, which
 * only its owner sees. Empty when it has ended. Throws as {@link seen} does.
 */
export function processNames(pid: number, files: ProcFiles): readonly string[] {
  const name = seen(() => files.read(`/proc/${pid}/comm`).trimEnd());
  const program = seen(() => basename(files.readLink(`/proc/${pid}/exe`)));
  return [name, program].filter((one) => one !== undefined);
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
