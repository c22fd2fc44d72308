// Settings of other programs: read and written so that nothing but their text changes.

import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, relative } from "node:path";
import { readConfigFile } from "../../config-file.ts";
import { CommandError } from "../command-error.ts";

/** A file before and after a change. */
export interface Edit {
  readonly path: string;
  /** Undefined: there is no such file. */
  readonly before: string | undefined;
  readonly after: string;
}

/** @throws {CommandError} when there is a file that cannot be read, or not be written again as it was. */
export function readSettings(path: string): string | undefined {
  try {
    requireFile(path);
  } catch (error) {
    if (error instanceof CommandError) {
      throw error;
    }
    // Reading it says why.
  }
  const reading = readConfigFile(path);
  if ("why" in reading) {
    if (reading.why === "ENOENT") {
      return undefined;
    }
    throw new CommandError(`${path} cannot be read: ${reading.why}`);
  }
  try {
    // What is no UTF-8 would not come back as it was.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(reading.bytes);
  } catch (error) {
    throw new CommandError(`${path} cannot be read: it is not UTF-8`, { cause: error });
  }
}

/**
 * Writes beside the file and renames. A link stays a link: what it leads to is replaced. Mode and, where possible, owner stay
 * as they were.
 *
 * @throws {CommandError} when it cannot be written, or another program has written it meanwhile; then it is left as it is.
 */
export function writeSettings({ path, before, after }: Edit): void {
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
      if (readSettings(path) !== before) {
        throw new CommandError(
          `${path} was changed by another program meanwhile, and is left as it is: try again`,
        );
      }
      renameSync(temporary, real);
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (error) {
    if (error instanceof CommandError) {
      throw error;
    }
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`${path} cannot be written: ${code}`, { cause: error });
  }
}

/**
 * Refuses a link in a project, be it the file or its directory, that leads out of it: a repository may come with one, and have
 * other programs' files written.
 *
 * @throws {CommandError}
 */
export function requireInside(directory: string, path: string): void {
  const root = realPath(directory);
  for (const real of [realPath(dirname(path)), realPath(path)]) {
    const way = relative(root, statSync(real, { throwIfNoEntry: false }) === undefined ? root : real);
    if (way === ".." || way.startsWith("../")) {
      throw new CommandError(`${path} is left as it is: it leads out of ${directory}, to ${real}`);
    }
  }
}

/** Refuses what would be waited for, as a FIFO, and a link in whose place a file would come. */
function requireFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new CommandError(`${path} is left as it is: it is a link that leads nowhere`);
  }
  if (stat?.isFile() === false) {
    throw new CommandError(`${path} cannot be read: it is not a regular file`);
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
