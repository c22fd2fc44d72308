// `fleet-metadata task hook AGENT`: writes the task file from what an agent tells its hook. It must never disturb the agent:
// it prints nothing on standard output, where agents look for orders, takes no longer than its deadline, and never fails.
// What went wrong is one line on standard error, which agents show in their debug logs only.

import type { Readable } from "node:stream";
import { DEFAULT_TASK_FILE, type Environment, TASK_FILE_VARIABLE } from "../config-environment.ts";
import { AGENTS, type Agent, HOOKED_AGENTS } from "./agents.ts";
import { isDue, openAfter, type Reaction, reactTo } from "./event.ts";
import { type Fields, parseFields, readFields } from "./input.ts";
import { orderOf } from "./order.ts";
import { findLineage, pidNamespace, readProcess } from "./process.ts";
import { updateTaskFile } from "./task-file.ts";
import { applyChange, type Change, type TaskRecord } from "./task-record.ts";

// Read this way, not imported: an import reads all that the module exports, and so loads what of it a hook never uses.
const { isAbsolute, resolve } = process.getBuiltinModule("node:path");

/** What a hook is run with. */
export interface HookContext {
  readonly env: Environment;
  readonly pid: number;
  /** Standard input. Called when it is needed: Node takes milliseconds to make a stream of it. */
  readonly stdin: () => Readable;
  /** Writes to standard error. */
  readonly say: (text: string) => void;
  /** The working directory, which may be gone. */
  readonly cwd: () => string;
}

/** All of it ends within 100 ms: until this the input is read, in milliseconds since the process started. */
const READ_UNTIL_MS = 70;

/**
 * An input that is still missing is waited for at least this long, in milliseconds: where it took Node that long to start, the
 * agent gets no more of the processor either. An event that is missed leaves a wrong state behind; where the arguments name it,
 * only its details are missed.
 */
const READ_AT_LEAST_MS = { named: 10, unnamed: 40 } as const;

/** Longest wait for other writers, in milliseconds. */
const LOCK_TIMEOUT_MS = 25;

/** @param args `AGENT [--event NAME] [--task-file PATH] [JSON]`; without JSON, it is read from standard input. */
export async function runHook(args: readonly string[], context: HookContext): Promise<void> {
  try {
    const { name, event, taskFile, json } = readArguments(args);
    const agent = AGENTS.get(name);
    if (agent === undefined) {
      throw new Error(`no agent "${name}"; the agents are ${HOOKED_AGENTS.join(", ")}`);
    }
    const atLeastMs = READ_AT_LEAST_MS[event === undefined ? "unnamed" : "named"];
    const readMs = Math.max(atLeastMs, READ_UNTIL_MS - performance.now());
    const told = json === undefined ? await readFields(context.stdin(), readMs) : parseFields(json);
    const fields: Fields = event === undefined ? told : new Map([["hook_event_name", event], ...told]);
    if (!fields.has("hook_event_name") && !fields.has("type")) {
      throw new Error("what the agent said is no event: an object with hook_event_name or type is expected");
    }
    const reaction = reactTo(fields);
    if (reaction !== undefined) {
      const file = resolve(taskFile ?? (context.env[TASK_FILE_VARIABLE] || DEFAULT_TASK_FILE));
      write(file, { name, agent, fields, reaction, context });
    }
  } catch (error) {
    context.say(`fleet-metadata: hook: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function readArguments(args: readonly string[]) {
  const [name = "", ...rest] = args;
  const take = (flag: string): string | undefined => {
    const at = rest.indexOf(flag);
    return at === -1 ? undefined : rest.splice(at, 2)[1];
  };
  const [event, taskFile] = [take("--event"), take("--task-file")];
  return { name, event, taskFile, json: rest[0] };
}

interface Told {
  readonly name: string;
  readonly agent: Agent;
  readonly fields: Fields;
  readonly reaction: Reaction;
  readonly context: HookContext;
}

function write(file: string, { name, agent, fields, reaction, context }: Told): void {
  const session = fields.get("session_id") ?? fields.get("thread-id");
  const lineage = findLineage(context.pid, agent.processName, readProcess);
  const order = orderOf(lineage.first, performance.timeOrigin);
  const pid_namespace = pidNamespace();
  const change: Change = {
    status: reaction.status,
    agent: name,
    description: reaction.description,
    cwd: directoryOf(agent, fields, context),
    session,
    ...(!reaction.isEnd && lineage.agent !== undefined && { pid: lineage.agent, pid_namespace }),
  };
  updateTaskFile(file, { order, lockTimeoutMs: LOCK_TIMEOUT_MS }, (before) => {
    // Elsewhere its number tells nothing.
    const isHere = [undefined, pid_namespace].includes(before?.pid_namespace);
    const mayLive = (pid: number): boolean => !isHere || isAlive(pid);
    if (!isDue(reaction, before, { session, pid: lineage.agent }, mayLive)) {
      return undefined;
    }
    const kept = reaction.forgets || !isSameSession(before, session) ? undefined : before;
    const asked = kept?.asks;
    const asks = openAfter(reaction, asked);
    const isStillAsked = asks !== undefined && reaction.status === "running";
    if (asks === asked && (isStillAsked || reaction.isAnswerOnly)) {
      return undefined;
    }
    const status = asks === undefined ? reaction.status : "waiting";
    const after = applyChange(kept, { ...change, status, asks }, Date.now());
    return reaction.isEnd ? { ...after, pid: undefined, pid_namespace: undefined } : after;
  });
}

/** A session begins tasks of its own. */
function isSameSession(before: TaskRecord | undefined, session: string | undefined): boolean {
  return before?.session === undefined || session === undefined || before.session === session;
}

function directoryOf({ directoryVariable }: Agent, fields: Fields, { env, cwd }: HookContext): string {
  const named = directoryVariable === undefined ? undefined : env[directoryVariable];
  const path = [named, fields.get("cwd")].find((candidate) => candidate && isAbsolute(candidate));
  return path ?? cwd();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
