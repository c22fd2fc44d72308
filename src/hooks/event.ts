// What the events of agents say about the task. Claude Code and Codex have the same words for them:
// https://code.claude.com/docs/en/hooks, https://developers.openai.com/codex/hooks. Pure.

import type { Status } from "../task-file/format.ts";
import type { Fields } from "./input.ts";
import { type Question, withoutQuestion, withQuestion } from "./questions.ts";
import { isActive, type TaskRecord } from "./task-record.ts";

/** What follows from an event. */
export interface Reaction {
  readonly status: Status;
  readonly description?: string | undefined;
  /** Does not count when the task is in this state. */
  readonly butNotAfter?: readonly Status[];
  /** It tells that the agent does nothing: not said about a task that another session works on. */
  readonly isRest?: boolean;
  /** Nothing of the task before is of interest any more. */
  readonly forgets?: boolean;
  /** The agent's process ends. */
  readonly isEnd?: boolean;
  /** The user is asked this from now on. */
  readonly asks?: Question | undefined;
  /** Nobody waits for an answer to this any more. Absent: to nothing any more, unless the user is asked something. */
  readonly answers?: Question | undefined;
  /** It tells nothing but that. */
  readonly isAnswerOnly?: boolean;
}

/** Tools that ask the user something. */
const QUESTIONS: ReadonlySet<string> = new Set(["AskUserQuestion", "ExitPlanMode", "request_user_input"]);

/** Kinds of notification that wait for the user. */
const REQUESTS: ReadonlySet<string> = new Set([
  "permission_prompt",
  "elicitation_dialog",
  "agent_needs_input",
]);

/** A description is a headline. In characters. */
const MAX_DESCRIPTION = 200;

const IDLE: Reaction = { status: "idle", isRest: true };

/**
 * What an event means. Undefined: nothing about the task (an agent's helper has ended, a file was loaded), or nothing certain
 * without the details that are missing.
 */
export function reactTo(fields: Fields): Reaction | undefined {
  switch (fields.get("hook_event_name")) {
    case "UserPromptSubmit":
      return { status: "running", description: headline(fields.get("prompt") ?? "") };
    case "PreToolUse": {
      const isQuestion = QUESTIONS.has(fields.get("tool_name") ?? "");
      // Whoever goes on has been answered, be it with a no.
      const answers = { helper: helperOf(fields) };
      return isQuestion
        ? { status: "waiting", asks: aboutTool(fields), answers }
        : { status: "running", answers };
    }
    case "PermissionRequest":
      return { status: "waiting", asks: fields.has("tool_name") ? aboutTool(fields) : undefined };
    case "Elicitation":
      return { status: "waiting", asks: aboutServer(fields) };
    case "PostToolUseFailure":
      if (fields.get("is_interrupt") === "true") {
        // Interrupted by the user: no event of the turn's end follows.
        return IDLE;
      }
      return fields.has("tool_name") ? { status: "running", answers: aboutTool(fields) } : undefined;
    case "PostToolUse":
      return { status: "running", answers: aboutTool(fields) };
    case "ElicitationResult":
      return { status: "running", answers: aboutServer(fields) };
    case "SubagentStop":
      return fields.has("agent_id")
        ? { status: "running", answers: { helper: helperOf(fields) }, isAnswerOnly: true }
        : undefined;
    case "Notification":
      return notified(fields);
    case "Stop":
    case "Interrupt":
      return IDLE;
    case "StopFailure":
      return { status: "failed", isRest: true };
    case "SessionStart":
      // Compaction happens in the middle of a task.
      return ["compact", undefined].includes(fields.get("source")) ? undefined : { ...IDLE, forgets: true };
    case "SessionEnd":
      // A session that was not ended by its user (a run without one) ends because its task has: a failure stays visible.
      return {
        ...IDLE,
        isEnd: true,
        ...(["other", undefined].includes(fields.get("reason")) && { butNotAfter: ["failed"] }),
      };
    case undefined:
      // Codex's notify program.
      return fields.get("type") === "agent-turn-complete" ? { ...IDLE, butNotAfter: ["failed"] } : undefined;
    default:
      return undefined;
  }
}

/** Versions that do not name the kind of a notification say it in its text. */
function notified(fields: Fields): Reaction | undefined {
  const kind = fields.get("notification_type");
  const message = fields.get("message") ?? "";
  if (kind === undefined ? /permission|approval/i.test(message) : REQUESTS.has(kind)) {
    return { status: "waiting" };
  }
  // Comes a minute after a turn has ended; after an interruption by the user it is the only event.
  const isIdle = kind === undefined ? /waiting for your input/i.test(message) : kind === "idle_prompt";
  return isIdle ? { ...IDLE, butNotAfter: ["completed", "failed"] } : undefined;
}

/** Whose event it is. Empty: the agent's own. */
function helperOf(fields: Fields): string {
  return fields.get("agent_id") ?? "";
}

function aboutTool(fields: Fields): Question {
  return { helper: helperOf(fields), subject: fields.get("tool_name") ?? "" };
}

function aboutServer(fields: Fields): Question {
  return { helper: "", subject: fields.get("mcp_server_name") ?? "" };
}

/** The questions that are open after an event, given those that were. Undefined: none that is known. */
export function openAfter(reaction: Reaction, before: string | undefined): string | undefined {
  const { status, asks, answers } = reaction;
  const isOver = answers === undefined && status !== "waiting";
  const open = isOver ? undefined : answers === undefined ? before : withoutQuestion(before, answers);
  return asks === undefined ? open : withQuestion(open, asks);
}

/** The first line that says something. */
function headline(prompt: string): string | undefined {
  const line = prompt.split("\n", 100).find((text) => text.trim() !== "");
  const characters = [...(line ?? "").trim().slice(0, 2 * MAX_DESCRIPTION + 2)];
  if (characters.length <= MAX_DESCRIPTION) {
    return characters.length === 0 ? undefined : characters.join("");
  }
  return `${characters.slice(0, MAX_DESCRIPTION - 1).join("")}\u2026`;
}

/** Whether an event counts, given what the file says. Of whom it is, its session tells, else the agent's process. */
export function isDue(
  { isRest = false, butNotAfter = [] }: Reaction,
  before: TaskRecord | undefined,
  own: Pick<TaskRecord, "session" | "pid">,
  isAlive: (pid: number) => boolean,
): boolean {
  if (before === undefined) {
    return true;
  }
  const by = own.session === undefined ? "pid" : "session";
  const isForeign = own[by] !== undefined && before[by] !== undefined && before[by] !== own[by];
  const isOthers = isForeign && isActive(before) && before.pid !== undefined && isAlive(before.pid);
  return !(isRest && isOthers) && !butNotAfter.includes(before.status);
}
