// What a task file says, as its writers see it, and how the next state follows from the one before. Pure.

import { isStatus, type Status } from "../task-file/format.ts";

/** The members of a task file: the flat words of `workspace.task`, and those that only writers and readers of the file need. */
export interface TaskRecord {
  readonly status: Status;
  readonly description?: string | undefined;
  /** In percent. */
  readonly progress?: number | undefined;
  readonly agent?: string | undefined;
  readonly url?: string | undefined;
  /** RFC 3339. */
  readonly started_at?: string | undefined;
  /** RFC 3339. */
  readonly updated_at?: string | undefined;
  /** The agent's process: a running task whose agent is gone has failed. */
  readonly pid?: number | undefined;
  /** The namespace of process numbers that `pid` is of, as Linux names it: it means another process in any other one. */
  readonly pid_namespace?: string | undefined;
  /** Absolute path of the directory that it is about. */
  readonly cwd?: string | undefined;
  /** The agent's own name for its session. */
  readonly session?: string | undefined;
  /** What the user is asked while the task waits, as `questions.ts` has it. Absent: not known. */
  readonly asks?: string | undefined;
  /** When the process that wrote it began, as `order.ts` has it. */
  readonly order?: string | undefined;
}

/** What a writer knows. Absent: as before, as long as the same task goes on. */
export type Change = Omit<TaskRecord, "updated_at" | "order">;

const STRINGS = [
  "description",
  "agent",
  "url",
  "started_at",
  "updated_at",
  "pid_namespace",
  "cwd",
  "session",
  "asks",
  "order",
] as const;
const NUMBERS = ["progress", "pid"] as const;
/** A task is under way. */
export function isActive(record: Pick<TaskRecord, "status"> | undefined): boolean {
  return record?.status === "running" || record?.status === "waiting";
}

/** Reads what another writer wrote. Members of a wrong type are left out; undefined when there is no status. */
export function parseRecord(text: string): TaskRecord | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof content !== "object" || content === null) {
    return undefined;
  }
  const members = content as Readonly<Record<string, unknown>>;
  const { status } = members;
  if (!isStatus(status)) {
    return undefined;
  }
  const known = (names: readonly string[], type: "string" | "number") =>
    names.filter((name) => typeof members[name] === type).map((name) => [name, members[name]]);
  return { status, ...Object.fromEntries([...known(STRINGS, "string"), ...known(NUMBERS, "number")]) };
}

/**
 * The state after a change. While one task goes on, what is not said anew stays as it was, and so does the time of its
 * beginning. A task begins when the agent starts to work after it did not, or in another workspace.
 */
export function applyChange(before: TaskRecord | undefined, change: Change, nowMs: number): TaskRecord {
  const now = new Date(nowMs).toISOString();
  const isSame = before?.cwd === undefined || change.cwd === undefined || before.cwd === change.cwd;
  const begins = isActive(change) && !(isSame && isActive(before));
  const kept: Partial<TaskRecord> = before === undefined || !isSame || begins ? {} : before;
  const started = change.started_at ?? (begins ? now : kept.started_at);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const isWaiting = change.status === "waiting";
  return {
    ...kept,
    ...given,
    status: change.status,
    started_at: started,
    updated_at: now,
    asks: isWaiting ? (change.asks ?? kept.asks) : undefined,
  };
}
