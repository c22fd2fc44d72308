// The details of one commit.

import { trimEndOf } from "../trim-end.ts";
import type { Git, RunOptions } from "./git.ts";
import { failure } from "./reasons.ts";

/** A commit's details. They never change: a commit is named by its content. */
export interface Commit {
  /** Abbreviated hash, as long as the repository needs, 7 digits or more. */
  readonly hash: string;
  readonly sha: string;
  /** Whole (up to the bound of what is read), without the line break at its end. */
  readonly message: string;
  readonly author: string;
  /** The committer's date, in seconds since 1970. Absent when git cannot read it, or when it is out of all proportion. */
  readonly timeSeconds?: number;
}

/** Far more than is served of a message; the rest of a longer one is not read. */
const MAX_BYTES = 128 * 1024;

/** Reads one commit. `oid` is its full hash. @throws {CollectError} */
export async function readCommit(git: Git, oid: string, options: RunOptions): Promise<Commit> {
  const args = [
    "log",
    "--max-count=1",
    "--no-show-signature",
    "--no-mailmap",
    "--no-notes",
    "--no-color",
    "--no-patch",
    // git converts a message that is recorded in another encoding.
    "--encoding=UTF-8",
    "--abbrev=7",
    "--format=format:%H%x00%h%x00%ct%x00%an%x00%B",
    "--end-of-options",
    oid,
    "--",
  ];
  const result = await git.run(args, { ...options, maxBytes: MAX_BYTES });
  const commit = parseCommit(result.stdout);
  if (commit === undefined) throw failure(result, options.cwd);
  return commit;
}

/** Parses the fields that {@link readCommit} asks for. Absent when they are not all there. Bytes that are not UTF-8 become U+FFFD. */
export function parseCommit(output: Buffer): Commit | undefined {
  const [sha, hash, time, author, ...message] = output.toString("utf8").split("\0");
  if (!sha || !hash || author === undefined || time === undefined) return undefined;
  const timeSeconds = Number(time);
  const isTime = time !== "" && Number.isSafeInteger(timeSeconds);
  return { sha, hash, author, ...(isTime && { timeSeconds }), message: trimEndOf(message.join("\0"), "\n") };
}
