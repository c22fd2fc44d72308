// `fleet-metadata task set STATUS`: writes the task file.

import { resolve } from "node:path";
import type { Command } from "commander";
import { ConfigError, createConfig, resolveSettings } from "../config.ts";
import { orderOf } from "../hooks/order.ts";
import { pidNamespace, readProcess } from "../hooks/process.ts";
import { TaskFileError, updateTaskFile } from "../hooks/task-file.ts";
import { applyChange, type Change } from "../hooks/task-record.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { isStatus, STATUSES } from "../task-file/format.ts";
import { CommandError } from "./command-error.ts";
import { type CliContext, configInput } from "./options.ts";
import { findRepositoryRoot } from "./repository-root.ts";

export interface TaskSetOptions {
  readonly description?: string;
  readonly progress?: string;
  readonly agent?: string;
  /** Not a setting: the address at which the task can be followed. */
  readonly url?: string;
  readonly pid?: string;
  readonly cwd?: string;
}

/** Longest wait for other writers, in milliseconds. */
const LOCK_TIMEOUT_MS = 1_000;

/**
 * @throws {ConfigError} when an argument is wrong.
 * @throws {CommandError} when the file cannot be written, or a process that began later has written it.
 */
export function setTask(
  status: string,
  options: TaskSetOptions,
  command: Command,
  context: CliContext,
): void {
  // --url is a setting of other commands.
  const { flags, ...input } = configInput(command, context);
  const { taskFile } = createConfig({
    ...input,
    flags: flags.taskFile === undefined ? {} : { taskFile: flags.taskFile },
  });
  const change = createChange(status, options, workspaceOf(options, command, context));
  const order = orderOf(readProcess(process.pid), performance.timeOrigin);
  try {
    const isWritten = updateTaskFile(taskFile, { order, lockTimeoutMs: LOCK_TIMEOUT_MS }, (before) =>
      applyChange(before, change, Date.now()),
    );
    if (!isWritten) {
      throw new CommandError(`${taskFile} already holds what a process that began later has written`);
    }
  } catch (error) {
    throw error instanceof TaskFileError ? new CommandError(error.message, { cause: error }) : error;
  }
}

/** The workspace of the settings, else the repository around the working directory. */
function workspaceOf({ cwd }: TaskSetOptions, command: Command, context: CliContext): string {
  const workspace = resolveSettings(configInput(command, context)).get("workspace")?.text;
  const named = cwd ?? workspace;
  return named === undefined ? findRepositoryRoot(context.cwd) : resolve(context.cwd, named);
}

function createChange(
  status: string,
  { description, progress, agent, url, pid }: TaskSetOptions,
  cwd: string,
): Change {
  if (!isStatus(status)) {
    throw invalid("STATUS", status, STATUSES.join(", "));
  }
  for (const [name, text] of Object.entries({
    "--description": description,
    "--agent": agent,
    "--url": url,
  })) {
    if (text !== undefined && Buffer.byteLength(JSON.stringify(text)) > METADATA_LIMITS.valueBytes) {
      const allowed = `a text of ${METADATA_LIMITS.valueBytes} bytes as JSON at most`;
      throw invalid(name, `${text.slice(0, 20)}...`, allowed);
    }
  }
  if (url !== undefined && !(URL.canParse(url) && /^https?:\/\//i.test(url))) {
    throw invalid("--url", url, "an http or https address");
  }
  return {
    status,
    description,
    agent,
    url,
    cwd,
    progress: numberIn(0, 100, "--progress", progress),
    pid: numberIn(1, 2 ** 31 - 1, "--pid", pid),
    pid_namespace: pid === undefined ? undefined : pidNamespace(),
  };
}

function numberIn(min: number, max: number, name: string, text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const number = Number(text);
  const isWhole = name !== "--pid" || Number.isSafeInteger(number);
  if (text.trim() === "" || !(number >= min && number <= max) || !isWhole) {
    throw invalid(name, text, `a number from ${min} to ${max}`);
  }
  return number;
}

function invalid(name: string, value: string, allowed: string): ConfigError {
  return new ConfigError(`${name}: ${JSON.stringify(value)} is not valid; allowed is ${allowed}`);
}
