// The task file: how an agent's hooks and orchestrators say what the agent is doing. Parsing is pure.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { TaskEvidence, type TaskSchema, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { CollectError } from "../collector.ts";

/** What a task file says. */
export interface TaskFile {
  readonly task: MessageInitShape<typeof TaskSchema>;
  /** The directory of the workspace that the file is about. Absent: any. */
  readonly cwd: string | undefined;
}

const STATUS = {
  idle: TaskStatus.IDLE,
  running: TaskStatus.RUNNING,
  waiting: TaskStatus.WAITING,
  completed: TaskStatus.COMPLETED,
  failed: TaskStatus.FAILED,
} as const;

const time = z.iso.datetime({ offset: true, error: "must be an RFC 3339 date and time" });

const schema = z.object({
  status: z.enum(Object.keys(STATUS) as (keyof typeof STATUS)[]),
  description: z.string().optional(),
  progress: z.number().min(0).max(100).optional(),
  agent: z.string().optional(),
  url: z.string().optional(),
  started_at: time.optional(),
  updated_at: time.optional(),
  pid: z.int().positive().optional(),
  cwd: z.string().startsWith("/", { error: "must be an absolute path" }).optional(),
});

/**
 * Reads the text of a task file.
 *
 * @param modifiedMs when the file was written; counts as `updated_at` where that is absent.
 * @throws {CollectError} TASK_FILE_INVALID, naming the field.
 */
export function parseTaskFile(text: string, modifiedMs: number): TaskFile {
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join(".") ?? "";
    throw invalid(field === "" ? (issue?.message ?? "") : `${field}: ${issue?.message}`);
  }
  const { status, cwd, started_at, updated_at, description, progress, agent, url } = parsed.data;
  return {
    cwd,
    task: {
      status: STATUS[status],
      source: TaskEvidence.FILE,
      updatedAt: timestampFromMs(updated_at === undefined ? Math.floor(modifiedMs) : Date.parse(updated_at)),
      ...(started_at === undefined ? {} : { startedAt: timestampFromMs(Date.parse(started_at)) }),
      ...(description === undefined ? {} : { description }),
      ...(progress === undefined ? {} : { progress }),
      ...(agent === undefined ? {} : { agent }),
      ...(url === undefined ? {} : { url }),
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("it is not JSON, or only half written");
  }
}

function invalid(problem: string): CollectError {
  return new CollectError("TASK_FILE_INVALID", `the task file is not valid: ${problem}`);
}
