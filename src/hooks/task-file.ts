// Reads and writes the task file. It may lie in a directory that everybody may write to, and several processes may write it
// at the same time. Everything is synchronous: the whole takes less than a millisecond, and a hook has nothing else to do.

import type { Stats } from "node:fs";
import { MAX_TASK_FILE_BYTES } from "../task-file/format.ts";
import { isEarlier } from "./order.ts";
import { parseRecord, type TaskRecord } from "./task-record.ts";

const { closeSync, constants, fstatSync, lstatSync, openSync, readSync, renameSync, rmSync, writeFileSync } =
  process.getBuiltinModule("node:fs");
const { basename, dirname, join } = process.getBuiltinModule("node:path");

/** The task file cannot be read or written: one line that names it and says why. */
export class TaskFileError extends Error {
  override readonly name = "TaskFileError";
}

/** What a process does while it holds the lock takes a thousandth of this. Older ones were left behind by a crash. In ms. */
const LOCK_STALE_MS = 1_000;

export interface UpdateOptions {
  /** Longest time to wait for another writer, in milliseconds. After that both write. */
  readonly lockTimeoutMs: number;
  /** When the writer began, as `orderOf` tells. */
  readonly order: string;
}

/**
 * Replaces the task file by what follows from its content, which is undefined when there is none that can be understood.
 * Readers see the old file or the new one, never a part.
 *
 * @param next the new content; undefined leaves everything as it is.
 * @returns whether the file was written. It is not when a process that began later has written it.
 * @throws {TaskFileError} when it is not ours to write, or cannot be written.
 */
export function updateTaskFile(
  file: string,
  { lockTimeoutMs, order }: UpdateOptions,
  next: (before: TaskRecord | undefined) => TaskRecord | undefined,
): boolean {
  const release = lock(`${file}.lock`, lockTimeoutMs);
  try {
    const before = readTaskFile(file);
    const after = isEarlier(order, before?.order) ? undefined : next(before);
    if (after === undefined) {
      return false;
    }
    // Whoever was kept from running in between may have lost the lock to one that began later.
    const isDue = (): boolean => !isEarlier(order, readTaskFile(file)?.order);
    return replace(file, `${JSON.stringify({ ...after, order })}\n`, isDue);
  } finally {
    release();
  }
}

/**
 * Removes the task file.
 *
 * @returns false when there was none.
 * @throws {TaskFileError} when it is not ours, or cannot be removed.
 */
export function removeTaskFile(file: string): boolean {
  const stat = ownFile(file);
  if (stat === undefined) {
    return false;
  }
  explain(file, "removed", () => rmSync(file, { force: true }));
  return true;
}

/** What the task file says. Undefined when there is none, or none that can be understood. @throws {TaskFileError} */
export function readTaskFile(file: string): TaskRecord | undefined {
  const stat = ownFile(file);
  if (stat === undefined || stat.size > MAX_TASK_FILE_BYTES) {
    return undefined;
  }
  const fd = explain(file, "read", () => open(file, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const buffer = Buffer.alloc(MAX_TASK_FILE_BYTES);
    const length = fstatSync(fd).isFile() ? readSync(fd, buffer, 0, MAX_TASK_FILE_BYTES, 0) : 0;
    return parseRecord(buffer.toString("utf8", 0, length));
  } finally {
    closeSync(fd);
  }
}

/** Undefined when there is nothing. @throws {TaskFileError} when it is something that we must not replace. */
function ownFile(file: string): Stats | undefined {
  const stat = explain(file, "read", () => lstatSync(file, { throwIfNoEntry: false }));
  if (stat?.isSymbolicLink()) {
    throw new TaskFileError(`the task file ${file} is a symbolic link, which is not followed`);
  }
  if (stat !== undefined && !stat.isFile()) {
    throw new TaskFileError(`the task file ${file} is not a regular file`);
  }
  if (stat !== undefined && stat.uid !== process.getuid?.()) {
    throw new TaskFileError(
      `the task file ${file} belongs to another user; use another one with --task-file`,
    );
  }
  return stat;
}

/**
 * Writes beside the file, under a name that nobody can have prepared, and renames.
 *
 * @param isDue asked last of all.
 * @returns whether it was due.
 */
function replace(file: string, text: string, isDue: () => boolean): boolean {
  const random = Math.random().toString(36).slice(2);
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.${random}`);
  return explain(file, "written", () => {
    const fd = open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
    let isRenamed = false;
    try {
      try {
        // All of it or an error: a single write may take a part when the disk is nearly full.
        writeFileSync(fd, text);
      } finally {
        closeSync(fd);
      }
      if (isDue()) {
        renameSync(temporary, file);
        isRenamed = true;
      }
    } finally {
      if (!isRenamed) {
        rmSync(temporary, { force: true });
      }
    }
    return isRenamed;
  });
}

/** For this user alone, and never through a link. */
function open(path: string, flags: number): number {
  return openSync(path, flags | constants.O_NOFOLLOW, 0o600);
}

function explain<T>(file: string, what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof TaskFileError) {
      throw error;
    }
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "its directory does not exist" : code;
    throw new TaskFileError(`the task file ${file} cannot be ${what}: ${why}`, { cause: error });
  }
}

/**
 * Between reading and writing nobody else writes. A process that was stopped in there, or a lock that nobody may remove, holds
 * up nobody for longer than `lockTimeoutMs`.
 *
 * @returns releases the lock, if it was had.
 */
function lock(path: string, lockTimeoutMs: number): () => void {
  const endMs = performance.now() + lockTimeoutMs;
  for (;;) {
    try {
      const fd = open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
      const { ino } = fstatSync(fd);
      closeSync(fd);
      return () => removeLock(path, ino);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        // Where no lock can be made, no file can be written either, and that will say why.
        return () => undefined;
      }
    }
    const held = lstatSync(path, { throwIfNoEntry: false });
    if (held !== undefined && Math.abs(Date.now() - held.mtimeMs) > LOCK_STALE_MS) {
      removeLock(path, held.ino);
    }
    if (performance.now() >= endMs) {
      return () => undefined;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

/** Removes a lock if it is still the same. */
function removeLock(path: string, ino: number): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) {
      rmSync(path, { force: true });
    }
  } catch {
    // Somebody else's, in a directory that everybody may write to: nobody waits for it for long.
  }
}
