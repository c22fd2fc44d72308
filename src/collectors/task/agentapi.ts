// The agent's own HTTP interface, AgentAPI (https://github.com/coder/agentapi): `GET /status`, and the stream `GET /events`,
// which tells of every change. It is asked without credentials.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import * as z from "zod/mini";
import { attempt } from "../../attempt.ts";
import { TaskEvidence, TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { agentName } from "./agents.ts";
import { type EvidenceSource, type Finding, NOTHING } from "./finding.ts";
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

/** It listens on the same machine, and answers in milliseconds. */
const DEADLINE_MS = 2_000;

/** The answer is a line. In bytes. */
const MAX_BYTES = 16 * 1024;

/** How long an answer counts while events tell of changes, and while they do not. In milliseconds. */
const PERIOD_MS = { followed: 30_000, unfollowed: 2_000 } as const;

/** How long no stream is asked for after there was none, in milliseconds. */
const EVENTS_RETRY_MS = 30_000;

/** `stable` is what AgentAPI calls an agent that waits for input, be it a new task or an answer. */
const STATUS = { running: TaskStatus.RUNNING, stable: TaskStatus.IDLE } as const;

const schema = z.object({ status: z.enum(["running", "stable"]), agent_type: z.optional(z.string()) });

/** AgentAPI as an evidence source. */
export function createAgentApi(options: AgentApiOptions): EvidenceSource {
  const { url, now = Date.now, restAfterMs = 300_000 } = options;
  const base = new URL(url.endsWith("/") ? url : `${url}/`);
  let last: { readonly status: TaskStatus; readonly agent?: string; readonly sinceMs: number } | undefined;
  /** The stream of events, from the request on. */
  let stream: AbortController | undefined;
  let isFollowed = false;
  /** When there was no stream to be had, in milliseconds since 1970. */
  let refusedMs = Number.NEGATIVE_INFINITY;
  let rest: NodeJS.Timeout | undefined;
  /** What events have told, and how many there were. */
  let heard: { readonly count: number; readonly finding: Finding } = { count: 0, finding: NOTHING };

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

  /** @throws {NoAnswerError} when there is no stream, or it has broken off. */
  const listen = async (told: (finding: Finding) => void, own: AbortController, signal: AbortSignal) => {
    const deadline = setTimeout(() => own.abort(), DEADLINE_MS);
    const headers = { accept: "text/event-stream" };
    const response = await getResponse(new URL("events", base), { headers, signal }).finally(() =>
      clearTimeout(deadline),
    );
    if (!/^text\/event-stream\b/i.test(response.headers["content-type"] ?? "")) {
      response.destroy();
      return;
    }
    isFollowed = true;
    const read = createEventReader((name, data) => {
      if (name === "status_change") {
        heard = { count: heard.count + 1, finding: understand(attempt(() => JSON.parse(data))) };
        told(heard.finding);
      }
    });
    response.setEncoding("utf8");
    for await (const piece of response as AsyncIterable<string>) {
      read(piece);
    }
  };

  const ask = async (signal: AbortSignal): Promise<Finding> => {
    const { count } = heard;
    try {
      const answer = await getJson(new URL("status", base), { maxBytes: MAX_BYTES, signal });
      // An event that came meanwhile is newer than the answer may be.
      return heard.count === count ? understand(answer) : heard.finding;
    } catch (error) {
      return failure(error);
    }
  };

  /** Listens until the stream ends, which often means that the agent has ended: asks once more. */
  const attend = async (told: (finding: Finding) => void, own: AbortController, closed: AbortSignal) => {
    const signal = AbortSignal.any([own.signal, closed]);
    try {
      await listen(told, own, signal);
    } catch {
      // Without events it is asked more often.
    }
    clearTimeout(rest);
    stream = undefined;
    if (!isFollowed) {
      refusedMs = now();
      return;
    }
    isFollowed = false;
    if (!signal.aborted) {
      told(await ask(AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])));
    }
  };

  return {
    kind: TaskEvidence.AGENTAPI,
    isRemote: false,
    deadlineMs: DEADLINE_MS,
    periodMs: () => (isFollowed ? PERIOD_MS.followed : PERIOD_MS.unfollowed),
    ask,
    follow: (told, signal) => {
      if (stream === undefined) {
        // Only what has answered is listened to.
        if (last === undefined || signal.aborted || Math.abs(now() - refusedMs) < EVENTS_RETRY_MS) {
          return;
        }
        stream = new AbortController();
        void attend(told, stream, signal);
      }
      clearTimeout(rest);
      rest = setTimeout(() => stream?.abort(), restAfterMs);
      rest.unref();
    },
  };
}
