// Which operation of several steps is under way, as the files in the git directory say.

import { join } from "node:path";
import { GitOperation } from "../../gen/fleet/metadata/v1/git_pb.ts";
import { exists, readStart } from "./files.ts";

/** The operation under way. */
export interface Operation {
  readonly operation: GitOperation;
  /** Short name of the branch being rebased. Absent unless a branch is. */
  readonly rebasedBranch?: string;
}

/** A ref's name has at most 255 bytes per part; this holds any that a file system can. */
const MAX_NAME_BYTES = 4096;

/** Reads the operation under way in the work tree that `gitDir` belongs to. Never throws: what cannot be read is not there. */
export async function readOperation(gitDir: string): Promise<Operation> {
  const at = (...names: string[]) => exists(join(gitDir, ...names));
  const [rebaseMerge, rebaseApply, applying, merge, pick, revert, bisect, todo] = await Promise.all([
    at("rebase-merge"),
    at("rebase-apply"),
    at("rebase-apply", "applying"),
    at("MERGE_HEAD"),
    at("CHERRY_PICK_HEAD"),
    at("REVERT_HEAD"),
    at("BISECT_LOG"),
    readStart(join(gitDir, "sequencer", "todo"), MAX_NAME_BYTES),
  ]);
  // A rebase picks commits one by one and may stop inside a merge: the outermost operation comes first.
  if (rebaseMerge) return rebase(await readStart(join(gitDir, "rebase-merge", "head-name"), MAX_NAME_BYTES));
  if (applying) return { operation: GitOperation.AM };
  if (rebaseApply) return rebase(await readStart(join(gitDir, "rebase-apply", "head-name"), MAX_NAME_BYTES));
  if (merge) return { operation: GitOperation.MERGE };
  if (pick) return { operation: GitOperation.CHERRY_PICK };
  if (revert) return { operation: GitOperation.REVERT };
  const sequence = todo === undefined ? undefined : parseTodo(todo);
  if (sequence !== undefined) return { operation: sequence };
  return { operation: bisect ? GitOperation.BISECT : GitOperation.NONE };
}

function rebase(headName: string | undefined): Operation {
  const branch = /^refs\/heads\/(.+?)\n?$/s.exec(headName ?? "")?.[1];
  return { operation: GitOperation.REBASE, ...(branch !== undefined && { rebasedBranch: branch }) };
}

/** Of several commits picked or reverted, the one that stopped may be committed already: only the list of the rest is left then. */
export function parseTodo(todo: string): GitOperation | undefined {
  if (/^(?:pick|p) /.test(todo)) return GitOperation.CHERRY_PICK;
  return todo.startsWith("revert ") ? GitOperation.REVERT : undefined;
}
