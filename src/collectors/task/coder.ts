// What the agent reported to Coder, as Coder's API has it (https://coder.com/docs/reference/api/workspaces): the status of the
// workspace's app, and the task that the workspace was made for. The token goes to this one host and nowhere else.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import * as z from "zod/mini";
import { TaskEvidence, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import type { TokenSource } from "./coder-token.ts";
import { type EvidenceSource, type Finding, NOTHING, type TaskInit } from "./finding.ts";
import { getJson, NoAnswerError } from "./http-json.ts";

export interface CoderOptions {
  /** Address of the Coder server. */
  readonly url: string;
  /** Token of a user's session. That of a workspace agent can report a status, but not read one. */
  readonly token: TokenSource;
  /** Which workspace: its identifier, or its owner's name (`me` is the token's user) and its own. */
  readonly workspace: { readonly id: string } | { readonly owner: string; readonly name: string };
}

const PERIOD_MS = 30_000;

/** It is asked over a network, every half a minute. */
const DEADLINE_MS = 5_000;

/** A workspace comes with all its agents and apps, some 100 KiB. In bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

const STATES: ReadonlyMap<string, TaskStatus> = new Map([
  ["working", TaskStatus.RUNNING],
  ["idle", TaskStatus.IDLE],
  ["complete", TaskStatus.COMPLETED],
  ["failure", TaskStatus.FAILED],
  ["failed", TaskStatus.FAILED],
]);

const optionalText = z.optional(z.nullable(z.string()));
const time = z.iso.datetime({ offset: true });

/** The status of an app: `latest_app_status` of a workspace. */
const appStatus = z.object({ state: z.string(), message: optionalText, uri: optionalText, created_at: time });

/** A UUID that may be absent: null, or, in some versions, an object that says whether it is valid. */
const nullableId = z.union([z.string(), z.object({ uuid: z.string(), valid: z.boolean() })]);

const workspaceSchema = z.object({
  owner_name: z.string(),
  latest_app_status: z.optional(z.nullable(appStatus)),
  latest_build: z.object({ created_at: time }),
  task_id: z.optional(z.nullable(nullableId)),
});

/** What a state of the task is: `current_state`. */
const taskState = z.object({ state: z.string(), message: optionalText, uri: optionalText, timestamp: time });

const taskSchema = z.object({
  display_name: optionalText,
  created_at: time,
  current_state: z.optional(z.nullable(taskState)),
});

type Workspace = z.infer<typeof workspaceSchema>;
type CoderTask = z.infer<typeof taskSchema>;

/** Coder as an evidence source. */
export function createCoder({ url, token, workspace }: CoderOptions): EvidenceSource {
  const base = new URL(url.endsWith("/") ? url : `${url}/`);
  const get = async <T>(
    path: readonly string[],
    schema: z.ZodMiniType<T>,
    signal: AbortSignal,
  ): Promise<T> => {
    const target = new URL(`api/v2/${path.map(encodeURIComponent).join("/")}`, base);
    const headers = { "coder-session-token": await token.read() };
    const parsed = schema.safeParse(await getJson(target, { headers, maxBytes: MAX_BYTES, signal }));
    if (!parsed.success) {
      const field = parsed.error.issues[0]?.path.join(".") ?? "";
      throw new NoAnswerError("INVALID", `its answer is not what Coder answers (${field || "no object"})`);
    }
    return parsed.data;
  };

  /**
   * The task of the workspace. Undefined when it has none, or none that can be had: older versions do not know tasks.
   *
   * @throws {NoAnswerError} when it cannot be had, and it alone could tell a state.
   */
  const taskOf = async (found: Workspace, signal: AbortSignal): Promise<CoderTask | undefined> => {
    const id = idOf(found.task_id);
    if (id === undefined) {
      return undefined;
    }
    try {
      return await get(["tasks", found.owner_name, id], taskSchema, signal);
    } catch (error) {
      if (error instanceof NoAnswerError && (found.latest_app_status || error.code === "NOT_FOUND")) {
        return undefined;
      }
      throw error;
    }
  };

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    const path =
      "id" in workspace
        ? ["workspaces", workspace.id]
        : ["users", workspace.owner, "workspace", workspace.name];
    const found = await get(path, workspaceSchema, signal);
    return findingOf(found, await taskOf(found, signal));
  };

  return {
    kind: TaskEvidence.CODER,
    isRemote: true,
    deadlineMs: DEADLINE_MS,
    periodMs: () => PERIOD_MS,
    ask: async (signal) => {
      try {
        return await ask(signal);
      } catch (error) {
        if (error instanceof NoAnswerError) {
          const code = error.code === "NOT_LISTENING" ? "UNREACHABLE" : error.code;
          return {
            problem: { reason: `CODER_${code}`, message: `Coder at ${base.origin}: ${error.message}` },
          };
        }
        throw error;
      }
    },
  };
}

function findingOf({ latest_app_status: app, latest_build: build }: Workspace, task?: CoderTask): Finding {
  const state = task?.current_state;
  const said = app ? { ...app, timestamp: app.created_at } : state && { ...state };
  // What was reported before the workspace was started anew is not about what runs in it now.
  if (!said || Date.parse(said.timestamp) < Date.parse(build.created_at)) {
    return NOTHING;
  }
  const status = STATES.get(said.state);
  if (status === undefined) {
    const message = `Coder has a state that is not known: ${JSON.stringify(said.state)}`;
    return { problem: { reason: "CODER_UNKNOWN_STATE", message } };
  }
  const description = said.message || task?.display_name;
  const found: TaskInit = {
    status,
    updatedAt: timestampFromMs(Date.parse(said.timestamp)),
    ...(description ? { description } : {}),
    ...(said.uri && /^https?:\/\//i.test(said.uri) ? { url: said.uri } : {}),
    ...(task === undefined ? {} : { startedAt: timestampFromMs(Date.parse(task.created_at)) }),
  };
  return { task: found };
}

function idOf(id: Workspace["task_id"]): string | undefined {
  if (typeof id === "string") {
    return id;
  }
  return id?.valid ? id.uuid : undefined;
}
