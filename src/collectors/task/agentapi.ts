// The agent's own HTTP interface, AgentAPI (https://github.com/coder/agentapi): `GET /status`, and the stream `GET /events`,
// which tells of every change. It is asked without credentials.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import * as z from "zod/mini";
import { TaskEvidence, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { agentName } from "./agents.ts";
import { type Finding, NOTHING, type Witness } from "./finding.ts";
import { getJson, getResponse, NoAnswerError } from "./http-json.ts";
import { createEventReader } from "./server-events.ts";

export interface AgentApiOptions {
  /** Base address. */
  readonly url: string;
  /** The time, in milliseconds since 1970. Default: the system's. */
  readonly now?: () => number;
  /** How long the stream of events is kept while nobody uses it, in milliseconds. Default: 5 minutes. */
  readonly restAfterMs?: number;
}

const DEADLINE_MS = 2_000;

/** The answer is a line. In bytes. */
const MAX_BYTES = 16 * 1024;

/** How long an answer counts while events tell of changes, and while they do not. In milliseconds. */
const PERIOD_MS = { followed: 30_000, unfollowed: 2_000 } as const;

/** `stable` is what AgentAPI calls an agent that waits for input, be it a new task or an answer. */
const STATUS = { running: TaskStatus.RUNNING, stable: TaskStatus.IDLE } as const;

const schema = z.object({ status: z.enum(["running", "stable"]), agent_type: z.optional(z.string()) });

/** AgentAPI as a witness. */
export function createAgentApi(options: AgentApiOptions): Witness {
  const { url, now = Date.now, restAfterMs = 300_000 } = options;
  const base = new URL(url.endsWith("/") ? url : `${url}/`);
  let last: { readonly status: TaskStatus; readonly agent?: string; readonly sinceMs: number } | undefined;
  let stream: AbortController | undefined;
  let rest: NodeJS.Timeout | undefined;

  const understand = (answer: unknown): Finding => {
    const parsed = schema.safeParse(answer);
    if (!parsed.success) {
      return problem("INVALID", "its answer is not what AgentAPI answers");
    }
    const { status: word, agent_type: type = "" } = parsed.data;
    const status = STATUS[word];
    // An event may leave the type out.
    const agent = type === "" || type === "custom" ? last?.agent : agentName(type);
    const sinceMs = last?.status === status ? last.sinceMs : now();
    last = { status, sinceMs, ...(agent === undefined ? {} : { agent }) };
    return {
      task: { status, updatedAt: timestampFromMs(sinceMs), ...(agent === undefined ? {} : { agent }) },
    };
  };

  const problem = (code: string, message: string): Finding => ({
    problem: { reason: `AGENTAPI_${code}`, message: `AgentAPI at ${base.origin}: ${message}` },
  });

  const failure = (error: unknown): Finding => {
    if (!(error instanceof NoAnswerError)) {
      throw error;
    }
    if (error.code === "NOT_LISTENING") {
      last = undefined;
      return NOTHING;
    }
    return problem(error.code, error.message);
  };

  const listen = async (told: (finding: Finding) => void, signal: AbortSignal): Promise<void> => {
    const response = await getResponse(new URL("events", base), {
      headers: { accept: "text/event-stream" },
      signal,
    });
    if (!/^text\/event-stream\b/i.test(response.headers["content-type"] ?? "")) {
      response.destroy();
      return;
    }
    const read = createEventReader((name, data) => {
      if (name === "status_change") {
        told(understand(parseJson(data)));
      }
    });
    response.setEncoding("utf8");
    for await (const piece of response as AsyncIterable<string>) {
      read(piece);
    }
  };

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    try {
      return understand(await getJson(new URL("status", base), { maxBytes: MAX_BYTES, signal }));
    } catch (error) {
      return failure(error);
    }
  };

  /** Listens until the stream ends, which often means that the agent has ended: asks once more. */
  const attend = async (told: (finding: Finding) => void, signal: AbortSignal): Promise<void> => {
    try {
      await listen(told, signal);
    } catch {
      // Without events it is asked more often.
    }
    stream = undefined;
    if (!signal.aborted) {
      told(await ask(AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])));
    }
  };

  return {
    kind: TaskEvidence.AGENTAPI,
    isRemote: false,
    deadlineMs: DEADLINE_MS,
    periodMs: () => (stream === undefined ? PERIOD_MS.unfollowed : PERIOD_MS.followed),
    ask,
    follow: (told, signal) => {
      clearTimeout(rest);
      rest = setTimeout(() => stream?.abort(), restAfterMs);
      rest.unref();
      // Only what answers is listened to.
      if (stream !== undefined || last === undefined || signal.aborted) {
        return;
      }
      const own = new AbortController();
      stream = own;
      void attend(told, AbortSignal.any([own.signal, signal]));
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
