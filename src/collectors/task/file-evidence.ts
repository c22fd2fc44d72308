// The strongest evidence: the task file, and whether the agent that it speaks of is still there. Touches that file, and under
// /proc the process that it names.

import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { attempt } from "../../attempt.ts";
import { TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { MAX_TASK_FILE_BYTES } from "../../task-file/format.ts";
import { CollectError, type Problem } from "../collector.ts";
import { agentOfProcess } from "./agents.ts";
import { type Finding, statusWord } from "./finding.ts";
import {
  type ProcFiles,
  pidNamespace,
  processExists,
  processProgram,
  processStat,
  ticksToMs,
} from "./proc.ts";
import { parseTaskFile, type TaskFile } from "./task-file.ts";

export interface FileEvidenceOptions {
  /** Absolute path of the task file. It need not exist. */
  readonly file: string;
  /** Absolute path of the directory that is served: a file about another one is ignored. */
  readonly workspace: string;
  /** User whose files are trusted, besides root's. Undefined: any, where files have no owner. */
  readonly uid: number | undefined;
  /** A file that says `running` and was not updated for longer is stale, in milliseconds. */
  readonly staleAfterMs: number;
  readonly proc: ProcFiles;
  /** The time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What the file says, or why it says nothing although nothing is wrong. */
export interface FileFinding extends Finding {
  /** Present when there is no file about this workspace. */
  readonly nothing?: Problem;
}

/**
 * A file that changed this shortly ago may change again with the same time of change, which older kernels count in steps of
 * up to 10 ms. In milliseconds.
 */
const TIMESTAMP_STEP_MS = 100;

/** A file that is not valid may be half written: for this long it keeps what it said before. In milliseconds. */
const BROKEN_MS = 10_000;

/** Times of the file and of a process come from clocks of different grain, up to a second each. In milliseconds. */
const START_TOLERANCE_MS = 2_000;

/** A file as it was read, for as long as it is the same file. */
interface Reading extends TaskFile {
  /** Differs when the file may have another content. */
  readonly version: string;
}

/** The task file as evidence. Remembers what it was, so that an unchanged file is not read again. */
export class FileEvidence {
  readonly #options: FileEvidenceOptions;
  /** The last file that was valid. */
  #good: Reading | undefined;
  /** Whether `#good` is what the file holds as long as it has the same version. */
  #isLasting = false;
  /** Since when the file has not been valid, in milliseconds since 1970. */
  #brokenMs: number | undefined;
  /** When the process began that this version of the file speaks of, in clock ticks. */
  #writer: { readonly version: string; readonly ticks: number } | undefined;

  constructor(options: FileEvidenceOptions) {
    this.#options = options;
  }

  /** Looks at the file. What is wrong with it is a finding. */
  async find(): Promise<FileFinding> {
    try {
      const reading = await this.#open();
      this.#brokenMs = undefined;
      return "reason" in reading ? { nothing: reading } : this.#judge(reading);
    } catch (error) {
      if (error instanceof CollectError) {
        return this.#broken(error);
      }
      throw error;
    }
  }

  /** What a file that is not valid says: what it said before, which is only for a moment as good as ever. */
  #broken({ reason, message }: CollectError): FileFinding {
    const problem: Problem = { reason, message };
    const nowMs = this.#options.now();
    this.#brokenMs ??= nowMs;
    if (this.#good === undefined) {
      return { problem };
    }
    const isMomentary = Math.abs(nowMs - this.#brokenMs) < BROKEN_MS;
    return { task: this.#good.task, stale: problem, ...(isMomentary ? { isMomentary } : {}) };
  }

  /** Whether what a valid file says still holds. */
  #judge(reading: Reading): FileFinding {
    const { updatedMs, warning } = reading;
    const { proc, staleAfterMs, now } = this.#options;
    const pid = pidHere(reading, proc);
    const { status } = reading.task;
    const problem = warning && { problem: warning };
    const isOld = now() - updatedMs > staleAfterMs;
    const isAtWork = status === TaskStatus.RUNNING || status === TaskStatus.WAITING;
    if (pid !== undefined && isAtWork && this.#isGone(pid, reading)) {
      const gone: Problem = {
        reason: "TASK_PROCESS_GONE",
        message: `the agent's process ${pid} ended without a word; the task file still says ${statusWord(status)}`,
      };
      const failed = { ...reading.task, status: TaskStatus.FAILED };
      return isOld ? { task: failed, stale: gone } : { task: failed, problem: gone };
    }
    const agent =
      pid === undefined || reading.task.agent !== undefined
        ? undefined
        : attempt(() => agentOfProcess(processProgram(pid, proc)));
    const task = agent === undefined ? reading.task : { ...reading.task, agent };
    if (status !== TaskStatus.RUNNING || !isOld) {
      return { task, ...problem };
    }
    const since = new Date(updatedMs).toISOString();
    const message = `the task file says running, and was last updated at ${since}, longer ago than --task-stale-after`;
    return { task, stale: { reason: "TASK_STALE", message }, ...problem };
  }

  /** Whether a process has ended, or is another one by now that was given the same number. */
  #isGone(pid: number, { version, updatedMs }: Reading): boolean {
    const { proc } = this.#options;
    const stat = attempt(() => processStat(pid, proc));
    if (stat === undefined) {
      return !processExists(pid);
    }
    if (stat.isZombie) {
      return true;
    }
    // Compared by the clock once only: it may be set while the process runs.
    if (this.#writer?.version === version) {
      return this.#writer.ticks !== stat.startTicks;
    }
    const startedMs = ticksToMs(stat.startTicks, proc);
    if (startedMs !== undefined && startedMs > updatedMs + START_TOLERANCE_MS) {
      return true;
    }
    this.#writer = { version, ticks: stat.startTicks };
    return false;
  }

  async #open(): Promise<Reading | Problem> {
    const { file, workspace } = this.#options;
    const handle = await openTaskFile(file);
    if (handle === undefined) {
      this.#good = undefined;
      return { reason: "NO_TASK_FILE", message: `there is no task file ${file}` };
    }
    try {
      const reading = await this.#read(handle);
      const { cwd } = reading;
      if (cwd === undefined || isWithin(await realPath(cwd), await realPath(workspace))) {
        this.#good = reading;
        return reading;
      }
      this.#good = undefined;
      return { reason: "OTHER_WORKSPACE", message: `the task file is about ${cwd}` };
    } finally {
      await handle.close();
    }
  }

  async #read(handle: FileHandle): Promise<Reading> {
    const { file, uid, now } = this.#options;
    const stat = await handle.stat({ bigint: true });
    const version = [stat.dev, stat.ino, stat.mtimeNs, stat.ctimeNs, stat.size].join(" ");
    if (this.#isLasting && this.#good?.version === version) {
      return this.#good;
    }
    if (!stat.isFile()) {
      throw new CollectError("TASK_FILE_NOT_A_FILE", `the task file ${file} is not a regular file`);
    }
    if (uid !== undefined && stat.uid !== BigInt(uid) && stat.uid !== 0n) {
      throw new CollectError("TASK_FILE_FOREIGN", `the task file ${file} belongs to another user`);
    }
    if (stat.size > MAX_TASK_FILE_BYTES) {
      throw new CollectError(
        "TASK_FILE_TOO_LARGE",
        `the task file is larger than ${MAX_TASK_FILE_BYTES} bytes`,
      );
    }
    const buffer = Buffer.alloc(MAX_TASK_FILE_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_TASK_FILE_BYTES, 0);
    const nowMs = now();
    const times = { modifiedMs: Number(stat.mtimeMs), nowMs };
    const parsed = parseTaskFile(buffer.toString("utf8", 0, bytesRead), times);
    // A date in the future will not always be one.
    this.#isLasting = parsed.warning === undefined && nowMs - Number(stat.ctimeMs) > TIMESTAMP_STEP_MS;
    return { ...parsed, version };
  }
}

/** The number of the agent's process. Undefined when it is not known here: a container has numbers of its own. */
function pidHere({ pid, pidNamespace: named }: TaskFile, proc: ProcFiles): number | undefined {
  return named === undefined || named === pidNamespace(proc) ? pid : undefined;
}

/** Opens without following a link and without waiting (a FIFO would block). Undefined when there is no such file. */
async function openTaskFile(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      return undefined;
    }
    if (code === "ELOOP") {
      throw new CollectError("TASK_FILE_SYMBOLIC_LINK", `the task file ${file} is a symbolic link`, {
        cause: error,
      });
    }
    if (code === "ENXIO") {
      throw new CollectError("TASK_FILE_NOT_A_FILE", `the task file ${file} is a socket`, { cause: error });
    }
    throw new CollectError("TASK_FILE_UNREADABLE", `the task file ${file} cannot be read: ${code}`, {
      cause: error,
    });
  }
}

/** Where a path leads to; the path itself when that is nowhere. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function isWithin(directory: string, parent: string): boolean {
  const path = relative(resolve(parent), resolve(directory));
  return path === "" || (path !== ".." && !path.startsWith("../"));
}
