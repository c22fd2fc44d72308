// What the writers of the task file (hooks, the command line) and its reader (the task collector) have to agree on. Loads
// nothing: an agent waits for its hooks.

import type { TaskStatus } from "../gen/fleet/metadata/v1/workspace_pb.ts";

/** A value of `workspace.task.status`, as the file and the flat map have it. */
export type Status = Lowercase<Exclude<keyof typeof TaskStatus, "UNSPECIFIED">>;

const WORDS: Readonly<Record<Status, true>> = {
  idle: true,
  running: true,
  waiting: true,
  completed: true,
  failed: true,
};

/** All values of a status. */
export const STATUSES = Object.keys(WORDS) as readonly Status[];

/** Whether a value is a status. */
export function isStatus(word: unknown): word is Status {
  return typeof word === "string" && Object.hasOwn(WORDS, word);
}

/** A task file holds a few short fields; a longer file is none. In bytes. */
export const MAX_TASK_FILE_BYTES = 64 * 1024;
