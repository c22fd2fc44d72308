// `fleet-metadata task install AGENT` and `uninstall`: our hooks in an agent's settings, and nothing else changed there.

import type { Command } from "commander";
import { resolveSettings } from "../config.ts";
import { CommandError } from "./command-error.ts";
import { type Installation, type Plan, planInstall, planUninstall } from "./install/agents.ts";
import { differenceOf } from "./install/difference.ts";
import { writeSettings } from "./install/settings-file.ts";
import { type CliContext, configInput } from "./options.ts";
import { findRepositoryRoot } from "./repository-root.ts";

export interface InstallOptions {
  readonly project?: boolean;
  readonly user?: boolean;
  readonly dryRun?: boolean;
}

export function install(agent: string, options: InstallOptions, command: Command, context: CliContext): void {
  carryOut(planInstall(installation(agent, options, command, context)), options, context);
}

export function uninstall(
  agent: string,
  options: InstallOptions,
  command: Command,
  context: CliContext,
): void {
  carryOut(planUninstall(installation(agent, options, command, context)), options, context);
}

function installation(
  agent: string,
  { project = false, user = false }: InstallOptions,
  command: Command,
  context: CliContext,
): Installation {
  if (project && user) {
    throw new CommandError("--project and --user are both given; allowed is one of them");
  }
  const taskFile = resolveSettings(configInput(command, context)).get("taskFile");
  return {
    agent,
    scope: project ? "project" : "user",
    project: findRepositoryRoot(context.cwd),
    env: context.env,
    program: context.program,
    // Only what was asked for here: a variable is the hooks' own to read.
    taskFile: taskFile?.origin === "flag" ? taskFile.text : undefined,
  };
}

function carryOut({ edits, notes }: Plan, { dryRun = false }: InstallOptions, { stdout }: CliContext): void {
  const changes = edits.filter(({ before, after }) => before !== after);
  if (changes.length === 0) {
    stdout.write("nothing to change\n");
  }
  for (const change of changes) {
    if (dryRun) {
      stdout.write(`${change.path}\n${differenceOf(change.before ?? "", change.after)}`);
    } else {
      writeSettings(change);
      stdout.write(`${change.path}: ${change.before === undefined ? "made" : "changed"}\n`);
    }
  }
  for (const note of notes) {
    stdout.write(`${note}\n`);
  }
}
