// The card of the task: what the coding agent is doing, and whether it waits for somebody.

import type { SourceStatus } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import { type Task, TaskEvidence, TaskStatus } from "../gen/fleet/metadata/v1/workspace_pb.ts";
import { card, facts, type Moment } from "./card.ts";
import { type Content, type Element, element, span, webLink } from "./elements.ts";
import { ago, quiet, UNKNOWN, type Verdict } from "./words.ts";

const STATUSES: Readonly<Record<TaskStatus, Verdict>> = {
  [TaskStatus.UNSPECIFIED]: ["Not known", "quiet"],
  [TaskStatus.IDLE]: ["Idle", "quiet"],
  [TaskStatus.RUNNING]: ["Working", "busy"],
  [TaskStatus.WAITING]: ["Waiting for you", "warn"],
  [TaskStatus.COMPLETED]: ["Completed", "good"],
  [TaskStatus.FAILED]: ["Failed", "bad"],
};

const EVIDENCE: Readonly<Record<TaskEvidence, string>> = {
  [TaskEvidence.UNSPECIFIED]: "evidence not known",
  [TaskEvidence.FILE]: "the task file",
  [TaskEvidence.AGENTAPI]: "AgentAPI",
  [TaskEvidence.CODER]: "Coder",
  [TaskEvidence.PROCESS]: "the list of processes",
};

export function taskCard(task: Task | undefined, source: SourceStatus | undefined, moment: Moment): Element {
  const nothing = "No coding agent has said that it works on something.";
  const values = (): readonly Content[] => (task === undefined ? [quiet(UNKNOWN)] : valuesOf(task, moment));
  return card({ id: "task", title: "Task", source, nothing, values }, moment);
}

/** What the agent is doing, in a word or three. */
export function statusOf(task: Task): Verdict {
  return STATUSES[task.status] ?? STATUSES[TaskStatus.UNSPECIFIED];
}

function valuesOf(task: Task, { nowMs }: Moment): readonly Content[] {
  const [status, tone] = statusOf(task);
  const since = (time: Task["startedAt"]): Content =>
    time === undefined ? quiet(UNKNOWN) : ago(time, nowMs);
  return [
    element(
      "div",
      { class: "task" },
      element(
        "div",
        { class: "task-what" },
        element("p", { class: `status ${tone}-text` }, status),
        element(
          "p",
          { class: "description" },
          task.description === undefined ? quiet("no description") : span("", task.description),
        ),
        progressOf(task.progress),
      ),
      facts(
        ["Agent", task.agent ?? quiet(UNKNOWN), quiet(`told by ${EVIDENCE[task.source] ?? UNKNOWN}`)],
        ["Began", since(task.startedAt)],
        ["Updated", since(task.updatedAt)],
        ["Follow it", task.url === undefined ? quiet("no address") : webLink(task.url, task.url)],
      ),
    ),
  ];
}

function progressOf(progress: number | undefined): Element {
  if (progress === undefined) {
    return element("div", { class: "progress" }, quiet("progress not known"));
  }
  const percent = Math.round(progress);
  return element(
    "div",
    { class: "progress" },
    element("progress", { max: "100", value: String(progress), "aria-label": "Progress of the task" }),
    span("percent", `${percent} %`),
  );
}
