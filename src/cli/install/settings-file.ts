// Settings of other programs: read and written so that nothing but their text changes.

import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { CommandError } from "../command-error.ts";

/** A file before and after a change. */
export interface Edit {
  readonly path: string;
  /** Undefined: there is no such file. */
  readonly before: string | undefined;
  readonly after: string;
}

/** @throws {CommandError} when there is a file that cannot be read. */
export function readSettings(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      return undefined;
    }
    throw new CommandError(`${path} cannot be read: ${code}`, { cause: error });
  }
}

/**
 * Writes beside the file and renames. A link stays a link: what it leads to is replaced. Mode and, where possible, owner stay
 * as they were.
 *
 * @throws {CommandError} when it cannot be written; then it is as it was.
 */
export function writeSettings({ path, after }: Edit): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const real = realPath(path);
    const stat = statSync(real, { throwIfNoEntry: false });
    const temporary = `${real}.${randomUUID()}`;
    try {
      writeFileSync(temporary, after, { flag: "wx", mode: 0o600, flush: true });
      if (stat !== undefined) {
        keepAccess(temporary, stat);
      }
      renameSync(temporary, real);
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`${path} cannot be written: ${code}`, { cause: error });
  }
}

function keepAccess(path: string, { mode, uid, gid }: Stats): void {
  if (process.getuid?.() === 0) {
    chownSync(path, uid, gid);
  }
  chmodSync(path, mode & 0o7777);
}

function realPath(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
}
