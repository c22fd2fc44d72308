// What a repository's HEAD did last: by it, the primary one of several repositories is chosen.

import { join } from "node:path";
import { trimEndOf } from "../trim-end.ts";
import { filledAtMs, readStart } from "./files.ts";
import type { Git } from "./git.ts";
import type { RepositoryLocation } from "./location.ts";

/** The last commit or checkout. */
export interface Activity {
  /** Changes with every commit and every checkout, and with nothing else. Empty before the first commit. */
  readonly head: string;
  /** When, in milliseconds since 1970. 0 when it is not known. */
  readonly atMs: number;
  /** Decides between two that happened in the same second: when the record of it was written. */
  readonly recordedAtMs: number;
}

/** Holds a last line of the log with any message that git puts there. */
const MAX_TAIL_BYTES = 8192;
/** Holds the name of any ref that a file system can hold. */
const MAX_HEAD_BYTES = 4096;

/** Reads what HEAD did last, from its log; where none is kept, from the commit that it names. Never throws but for the signal. */
export async function readActivity(
  git: Git,
  location: RepositoryLocation,
  signal: AbortSignal,
): Promise<Activity> {
  const log = join(location.gitDir, "logs", "HEAD");
  const [head = "", tail, recordedAtMs = 0] = await Promise.all([
    readStart(join(location.gitDir, "HEAD"), MAX_HEAD_BYTES),
    readStart(log, MAX_TAIL_BYTES, "end"),
    filledAtMs(log),
  ]);
  const last = tail === undefined ? undefined : parseLastLogLine(tail);
  if (last !== undefined) return { head: `${head}${last.oid}`, atMs: last.atMs, recordedAtMs };
  const args = [
    "log",
    "--max-count=1",
    "--no-show-signature",
    "--no-patch",
    "--format=format:%H %ct",
    "HEAD",
    "--",
  ];
  const result = await git.run(args, { cwd: location.root, signal });
  const [oid, seconds] = result.stdout.toString("utf8").split(" ");
  // Unborn, or not to be read: it did nothing.
  if (result.exitCode !== 0 || !oid) return { head: "", atMs: 0, recordedAtMs: 0 };
  return { head: `${head}${oid}`, atMs: Number(seconds) * 1000, recordedAtMs: 0 };
}

/** Parses the last line of a reflog: `<old> <new> <name> <<email>> <seconds> <zone>\t<message>`. */
export function parseLastLogLine(tail: string): { oid: string; atMs: number } | undefined {
  const line = trimEndOf(tail, "\n").split("\n").at(-1) ?? "";
  // The message is anybody's text, and may look like the rest.
  const [entry = ""] = line.split("\t", 1);
  const [, oid, seconds] = /^[0-9a-f]+ ([0-9a-f]{40,64}) .*> (\d+) [+-]\d+$/.exec(entry) ?? [];
  return oid === undefined || seconds === undefined ? undefined : { oid, atMs: Number(seconds) * 1000 };
}
