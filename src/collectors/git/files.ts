// Small questions to the file system, asked so that no file of a hostile repository can make the answer hang or grow:
// a FIFO is never waited for, and no more is read than asked for.

import { constants } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import { CollectError } from "../collector.ts";

const EXHAUSTED: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * Tells a failure that says something about what is there from one that says nothing, because this machine could not look.
 *
 * @throws {CollectError} OUT_OF_RESOURCES.
 */
export function throwIfExhausted(error: unknown): void {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (EXHAUSTED.has(code)) {
    const message = `This machine is out of file descriptors or memory (${String(code)}).`;
    throw new CollectError("OUT_OF_RESOURCES", message, { cause: error });
  }
}

/** Whether `path` is a directory, links followed. Everything that goes wrong is a no. */
export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Whether anything is there at all, be it a dangling link. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** When a file with something in it was last modified, in milliseconds since 1970. Absent for an empty one too. */
export async function filledAtMs(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.size > 0 ? found.mtimeMs : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Identity of a file's content as far as the file system tells it: changes whenever the file is written, replaced or
 * removed. `absent` for no file.
 */
export async function stamp(path: string): Promise<string> {
  try {
    const found = await stat(path, { bigint: true });
    return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
  } catch {
    return "absent";
  }
}

/** The size that a {@link stamp} tells of, in bytes. */
export function sizeIn(stamp: string): number {
  return Number(stamp.split(":")[2] ?? 0);
}

/** Which file or directory it is, links not followed; the same as long as it is not replaced. `absent` for none. */
export async function identity(path: string): Promise<string> {
  try {
    const found = await lstat(path, { bigint: true });
    return `${found.dev}:${found.ino}`;
  } catch {
    return "absent";
  }
}

/**
 * The first `maxBytes` bytes of a regular file, or the last ones.
 *
 * @returns Absent when there is no such file, when it is not a regular one, or when it cannot be read.
 * @throws {CollectError} OUT_OF_RESOURCES: it may be there or not.
 */
export async function readStart(
  path: string,
  maxBytes: number,
  from: "start" | "end" = "start",
): Promise<string | undefined> {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) return undefined;
    const buffer = Buffer.alloc(Math.min(maxBytes, found.size));
    const position = from === "end" ? found.size - buffer.length : 0;
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    throwIfExhausted(error);
    return undefined;
  }
}

/** Whether `path` is `directory` or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}
