// What the coding agent is doing, as the task file says. Touches that one file and nothing else.

import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { CollectError, type Collected, type Collector } from "../collector.ts";
import { parseTaskFile } from "./task-file.ts";
import { watchTaskFile } from "./watch.ts";

export interface TaskCollectorOptions {
  /** Absolute path of the task file. It need not exist. */
  readonly file: string;
  /** Absolute path of the directory that is served: a file about another one is ignored. */
  readonly workspace: string;
  /** User whose files are trusted, besides root's. Default: the user of this process. */
  readonly uid?: number;
  /** The time, in milliseconds since 1970. Default: the system's. */
  readonly now?: () => number;
}

/** A task file holds a few short fields; a longer file is none. In bytes. */
const MAX_FILE_BYTES = 64 * 1024;

/**
 * A file that changed this shortly ago may change again with the same time of change, which older kernels count in steps of
 * up to 10 ms. In milliseconds.
 */
const TIMESTAMP_STEP_MS = 100;

/** An unchanged file is not read again: the answer is the same object as before. */
export function createTaskCollector(options: TaskCollectorOptions): Collector {
  const { file, workspace, uid = process.getuid?.(), now = Date.now } = options;
  let last: { version: string; collected: Collected } | undefined;

  const collectFrom = async (handle: FileHandle): Promise<Collected> => {
    const stat = await handle.stat({ bigint: true });
    const version = [stat.dev, stat.ino, stat.mtimeNs, stat.ctimeNs, stat.size].join(" ");
    if (last?.version === version) {
      return last.collected;
    }
    if (!stat.isFile()) {
      throw new CollectError("TASK_FILE_NOT_A_FILE", `the task file ${file} is not a regular file`);
    }
    if (uid !== undefined && stat.uid !== BigInt(uid) && stat.uid !== 0n) {
      throw new CollectError("TASK_FILE_FOREIGN", `the task file ${file} belongs to another user`);
    }
    if (stat.size > MAX_FILE_BYTES) {
      throw new CollectError("TASK_FILE_TOO_LARGE", `the task file is larger than ${MAX_FILE_BYTES} bytes`);
    }
    const buffer = Buffer.alloc(MAX_FILE_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0);
    const nowMs = now();
    const times = { modifiedMs: Number(stat.mtimeMs), nowMs };
    const { task, cwd, warning } = parseTaskFile(buffer.toString("utf8", 0, bytesRead), times);
    const collected: Collected =
      cwd === undefined || isWithin(await realPath(cwd), await realPath(workspace))
        ? { outcome: "data", metadata: { workspace: { task } }, ...(warning && { warning }) }
        : { outcome: "no_data", reason: "OTHER_WORKSPACE", message: `the task file is about ${cwd}` };
    // A date in the future will not always be one.
    const isLasting = warning === undefined && nowMs - Number(stat.ctimeMs) > TIMESTAMP_STEP_MS;
    last = isLasting ? { version, collected } : undefined;
    return collected;
  };

  return {
    source: "task",
    watch: (listener, signal) => watchTaskFile(file, listener, signal),
    collect: async () => {
      const handle = await openTaskFile(file);
      if (handle === undefined) {
        return { outcome: "no_data", reason: "NO_TASK_FILE", message: `there is no task file ${file}` };
      }
      try {
        return await collectFrom(handle);
      } finally {
        await handle.close();
      }
    },
  };
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
