// One moment in the life of a repository: two equal moments, one before and one after a reading, and nothing that git writes has
// changed between them.

import { join } from "node:path";
import { readStart, sizeIn, stamp } from "./files.ts";
import type { RepositoryLocation } from "./location.ts";
import { type Operation, readOperation } from "./operation.ts";

/** What identifies a moment, and what was read along with it. */
export interface Moment {
  /** Equal strings, equal moments. */
  readonly stamp: string;
  /** Equal strings, no checkout between them: a commit writes the branch, a checkout writes HEAD itself. */
  readonly checkout: string;
  /** Whether someone holds the lock of the index: the work tree may be in the middle of a checkout. */
  readonly locked: boolean;
  /** Full name of the branch that HEAD names. Absent when HEAD is detached, or not kept in a file. */
  readonly branchRef?: string;
  readonly operation: Operation;
  /** 0 when there is no index. */
  readonly indexBytes: number;
}

/** Holds the name of any ref that a file system can hold. */
const MAX_HEAD_BYTES = 4096;

/** Where HEAD points in a repository that keeps its refs in another format than files. */
const NO_FILE_REF = "refs/heads/.invalid";

/**
 * Takes the present moment. Never throws.
 *
 * @param idleLock - Stamp of a lock that nobody is at work under, see {@link LockWait}.
 */
export async function readMoment(
  { gitDir, commonDir }: RepositoryLocation,
  idleLock: string,
): Promise<Moment> {
  // First of all: where there is no lock any more, the index that it guarded is in place. Asked the other way round, a
  // checkout that ends in between would leave no trace.
  const lockStamp = await stamp(join(gitDir, "index.lock"));
  const [head, operation] = await Promise.all([
    readStart(join(gitDir, "HEAD"), MAX_HEAD_BYTES),
    readOperation(gitDir),
  ]);
  const ref = /^ref:\s*(refs\/.+)$/s.exec(head?.trimEnd() ?? "")?.[1];
  const [headStamp, index, ...stamps] = await Promise.all([
    stamp(join(gitDir, "HEAD")),
    stamp(join(gitDir, "index")),
    stamp(join(gitDir, "logs", "HEAD")),
    stamp(join(commonDir, "packed-refs")),
    stamp(join(commonDir, "reftable", "tables.list")),
    stamp(join(commonDir, ref ?? "HEAD")),
  ]);
  const checkout = [head, headStamp, operation.operation, operation.rebasedBranch].join("\n");
  return {
    stamp: [checkout, lockStamp, index, ...stamps].join("\n"),
    checkout,
    locked: lockStamp !== "absent" && lockStamp !== idleLock,
    ...(ref !== undefined && ref !== NO_FILE_REF && { branchRef: ref }),
    operation,
    indexBytes: sizeIn(index),
  };
}
