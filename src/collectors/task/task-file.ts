// The task file: how an agent's hooks and orchestrators say what the agent is doing. Parsing is pure.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { isStatus, STATUSES } from "../../task-file/format.ts";
import { CollectError, type Problem } from "../collector.ts";
import type { TaskInit } from "./finding.ts";

/** What a task file says. */
export interface TaskFile {
  readonly task: TaskInit;
  /**
   * When it was last renewed, in milliseconds since 1970: `updated_at`, else when the file was written; now, where both lie in
   * the future.
   */
  readonly updatedMs: number;
  /** Process of the agent. Absent: not known. */
  readonly pid: number | undefined;
  /** The namespace that `pid` is of. Absent: that of the reader. */
  readonly pidNamespace: string | undefined;
  /** The directory of the workspace that the file is about. Absent: any. */
  readonly cwd: string | undefined;
  /** What of it is not served, while the rest is. */
  readonly warning?: Problem;
}

/** The moments that a task file's own are compared with, in milliseconds since 1970. */
export interface TaskFileTimes {
  /** When the file was written; counts as `updated_at` where that is absent. */
  readonly modifiedMs: number;
  readonly nowMs: number;
}

/** A date is in the future past this: what writes the file may have another clock. In milliseconds. */
const CLOCK_TOLERANCE_MS = 60_000;

const time = z.iso.datetime({ offset: true, error: "must be an RFC 3339 date and time" });

const text = z.optional(z.string());

const schema = z.object({
  status: z.string(),
  description: text,
  progress: z.optional(z.number().check(z.minimum(0), z.maximum(100))),
  agent: text,
  url: z.optional(z.url({ protocol: /^https?$/, error: "must be an http or https address" })),
  started_at: z.optional(time),
  updated_at: z.optional(time),
  pid: z.optional(z.int().check(z.positive())),
  pid_namespace: text,
  cwd: z.optional(z.string().check(z.startsWith("/", { error: "must be an absolute path" }))),
});

/** What zod/mini leaves out: its messages would all read "Invalid input". */
const MESSAGES = en().localeError;

/**
 * Reads the text of a task file. A date in the future is left out, and said as the warning TASK_FILE_FUTURE_DATE.
 *
 * @throws {CollectError} TASK_FILE_NOT_JSON, TASK_FILE_INVALID naming the field, TASK_FILE_UNKNOWN_STATUS.
 */
export function parseTaskFile(text: string, { modifiedMs, nowMs }: TaskFileTimes): TaskFile {
  const parsed = schema.safeParse(parseJson(text), { error: MESSAGES });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join(".") ?? "";
    throw refusal("INVALID", field === "" ? (issue?.message ?? "") : `${field}: ${issue?.message}`);
  }
  const { status, pid, pid_namespace, cwd, started_at, updated_at, description, progress, agent, url } =
    parsed.data;
  const future: string[] = [];
  const past = (field: string, date: string | undefined): number | undefined => {
    const ms = date === undefined ? undefined : Date.parse(date);
    if (ms !== undefined && ms > nowMs + CLOCK_TOLERANCE_MS) {
      future.push(`${field} ${date}`);
      return undefined;
    }
    return ms;
  };
  const startedMs = past("started_at", started_at);
  const writtenMs = modifiedMs > nowMs + CLOCK_TOLERANCE_MS ? undefined : modifiedMs;
  const knownMs = past("updated_at", updated_at) ?? writtenMs;
  const updatedMs = Math.floor(knownMs ?? nowMs);
  return {
    updatedMs,
    pid,
    pidNamespace: pid_namespace,
    cwd,
    task: {
      status: parseStatus(status),
      ...(knownMs === undefined ? {} : { updatedAt: timestampFromMs(updatedMs) }),
      ...(startedMs === undefined ? {} : { startedAt: timestampFromMs(startedMs) }),
      ...(description === undefined ? {} : { description }),
      ...(progress === undefined ? {} : { progress }),
      ...(agent === undefined ? {} : { agent }),
      ...(url === undefined ? {} : { url }),
    },
    ...(future.length === 0
      ? {}
      : {
          warning: {
            reason: "TASK_FILE_FUTURE_DATE",
            message: `the task file has a date in the future, which is left out: ${future.join(", ")}`,
          },
        }),
  };
}

function parseStatus(word: string): TaskStatus {
  if (!isStatus(word)) {
    throw refusal("UNKNOWN_STATUS", `status: "${word}" is none of ${STATUSES.join(", ")}`);
  }
  return TaskStatus[word.toUpperCase() as Uppercase<typeof word>];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refusal("NOT_JSON", "it is not JSON, or only half written");
  }
}

function refusal(reason: "NOT_JSON" | "INVALID" | "UNKNOWN_STATUS", problem: string): CollectError {
  return new CollectError(`TASK_FILE_${reason}`, `the task file is not valid: ${problem}`);
}
