// Looks into the index itself, for what git would take long to tell.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

const CHUNK_BYTES = 256 * 1024;
/** Some 600,000 files: a larger index is not looked into, and git is asked instead. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Of a file in version 2 with SHA-1: counts from the start of the file, and of each entry. */
const HEADER_BYTES = 12;
const ENTRY_BYTES = 62;
const MODE_AT = 24;
const FLAGS_AT = 60;
const NAME_LENGTH_MASK = 0xfff;
const GITLINK = 0o160000;
const CHECKSUM_BYTES = 20;
const EXTENSION_BYTES = 8;

/**
 * Whether every entry of an index stands for a plain file or link that is compared as it is: no conflict, no submodule, nothing that is
 * assumed unchanged, left out by a sparse checkout or only intended to be added, and nothing that stands in another file. What cannot
 * be told is a no.
 *
 * @param path - Of an index with SHA-1 hashes.
 */
export async function isPlainIndex(path: string): Promise<boolean> {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile() || found.size > MAX_BYTES) return false;
    return await new Scan(file, found.size).isPlain();
  } catch {
    return false;
  }
}

class Scan {
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #buffer = Buffer.alloc(CHUNK_BYTES);
  #start = 0;
  #end = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  async isPlain(): Promise<boolean> {
    const header = await this.#at(0, HEADER_BYTES);
    if (this.#buffer.toString("latin1", header, header + 4) !== "DIRC") return false;
    // Version 3 has entries with more flags than fit into 2, version 4 names that are not written out.
    if (this.#buffer.readUInt32BE(header + 4) !== 2) return false;
    const count = this.#buffer.readUInt32BE(header + 8);
    let position = HEADER_BYTES;
    for (let seen = 0; seen < count; seen += 1) {
      const isThere = position >= this.#start && position + ENTRY_BYTES <= this.#end;
      const entry = isThere ? position - this.#start : await this.#at(position, ENTRY_BYTES);
      const flags = this.#buffer.readUInt16BE(entry + FLAGS_AT);
      const nameLength = flags & NAME_LENGTH_MASK;
      if (flags !== nameLength || nameLength === NAME_LENGTH_MASK) return false;
      if (this.#buffer.readUInt32BE(entry + MODE_AT) === GITLINK) return false;
      position += (ENTRY_BYTES + nameLength + 8) & ~7;
    }
    return await this.#hasPlainExtensions(position);
  }

  /** One whose name begins with a small letter changes what the entries mean. */
  async #hasPlainExtensions(from: number): Promise<boolean> {
    let position = from;
    while (position < this.#size - CHECKSUM_BYTES) {
      const extension = await this.#at(position, EXTENSION_BYTES);
      if (!/[A-Z]/.test(this.#buffer.toString("latin1", extension, extension + 1))) return false;
      position += EXTENSION_BYTES + this.#buffer.readUInt32BE(extension + 4);
    }
    return position === this.#size - CHECKSUM_BYTES;
  }

  /** Where in the buffer the bytes from `position` on are. @throws {RangeError} when the file ends before. */
  async #at(position: number, bytes: number): Promise<number> {
    if (position < this.#start || position + bytes > this.#end) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, CHUNK_BYTES, position);
      this.#start = position;
      this.#end = position + bytesRead;
      if (bytesRead < bytes) throw new RangeError("The index ends too early.");
    }
    return position - this.#start;
  }
}
