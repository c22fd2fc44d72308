// `fleet-metadata doctor`: what of the server's surroundings is as it should be, what is not, and what to do about it. Looks only.

import type { Command } from "commander";
import { createGit, surveyWorkspace } from "../collectors/git/index.ts";
import { ConfigError, resolveSettings } from "../config.ts";
import { readWithoutWrong, type WrongSetting } from "../config-reload.ts";
import { cleanText } from "../metadata/clean-text.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { createRedaction } from "../observability/redact.ts";
import { gitSurroundings } from "../sources.ts";
import { CommandError } from "./command-error.ts";
import { accessCheck } from "./doctor/access.ts";
import { agentApiCheck } from "./doctor/agentapi.ts";
import type { Check, Examined } from "./doctor/check.ts";
import { coderCheck } from "./doctor/coder.ts";
import { examine } from "./doctor/examine.ts";
import { gitCheck } from "./doctor/git.ts";
import { gitHubCheck } from "./doctor/github.ts";
import { hooksCheck } from "./doctor/hooks.ts";
import { nodeCheck } from "./doctor/node.ts";
import { openFilesCheck } from "./doctor/open-files.ts";
import { portCheck } from "./doctor/port.ts";
import { proxyCheck } from "./doctor/proxy.ts";
import { settingsCheck } from "./doctor/settings.ts";
import { noSurvey, type Subject } from "./doctor/subject.ts";
import { taskFileCheck } from "./doctor/task-file.ts";
import { tlsCheck } from "./doctor/tls.ts";
import { watchesCheck } from "./doctor/watches.ts";
import { workspaceCheck } from "./doctor/workspace.ts";
import { type CliContext, configInput } from "./options.ts";
import { secretsOf } from "./secrets.ts";
import { formatTable } from "./table.ts";

/**
 * @param names of the checks. Empty: all.
 * @throws {CommandError} when there is a problem.
 * @throws {ConfigError} when there is no such check, or the file named by --env-file cannot be read.
 */
export async function doctor(
  names: readonly string[],
  { json }: { readonly json?: boolean },
  command: Command,
  context: CliContext,
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  const { subject, clean } = subjectOf(command, context, signal);
  try {
    const findings = clean(await examine(named(checksOf(subject), names), context.signal));
    context.stdout.write(json ? `${JSON.stringify({ checks: findings }, null, 2)}\n` : format(findings));
    const problems = findings.filter(({ level }) => level === "problem").length;
    if (problems > 0) {
      throw new CommandError(problems === 1 ? "there is a problem" : `there are ${problems} problems`);
    }
  } finally {
    ended.abort();
  }
}

function named(checks: readonly Check[], names: readonly string[]): readonly Check[] {
  const unknown = names.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined) {
    const allowed = checks.map(({ name }) => name).join(", ");
    throw new ConfigError(`there is no check ${JSON.stringify(unknown)}; allowed are ${allowed}`);
  }
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
}

function checksOf(subject: Subject): Check[] {
  const { node } = process.versions;
  return [
    nodeCheck(node, process.execPath),
    settingsCheck(subject),
    gitCheck(subject),
    workspaceCheck(subject),
    watchesCheck(subject),
    openFilesCheck(subject),
    gitHubCheck(subject),
    proxyCheck(subject, node),
    taskFileCheck(subject),
    hooksCheck(subject),
    agentApiCheck(subject),
    coderCheck(subject),
    portCheck(subject),
    accessCheck(subject),
    tlsCheck(subject),
  ];
}

/** @param signal ends the look at the workspace. @throws {ConfigError} when the file named by --env-file cannot be read. */
function subjectOf(command: Command, context: CliContext, signal: AbortSignal) {
  const input = configInput(command, context);
  const resolved = resolveSettings(input);
  const wrong: WrongSetting[] = [];
  const config = readWithoutWrong(input, wrong);
  const { env, version, program } = context;
  const redaction = createRedaction(secretsOf(config, context));
  const surroundings = gitSurroundings(config, env);
  const { xdgConfigHome } = surroundings;
  const { workspace, gitDeadlineMs } = config;
  const options = { git: createGit(surroundings), workspace, gitDeadlineMs };
  const survey = wrong.some(({ settings }) => settings.includes("workspace"))
    ? noSurvey()
    : surveyWorkspace({ ...options, ...(xdgConfigHome !== undefined && { xdgConfigHome }) }, signal);
  const subject: Subject = {
    config,
    input,
    resolved,
    wrong,
    env,
    version,
    program,
    proc: "/proc",
    now: Date.now,
    survey,
    onSecret: redaction.learn,
  };
  const plain = (text: string): string => cleanText(text, METADATA_LIMITS.valueBytes).text;
  const clean = (findings: readonly Examined[]): Examined[] => {
    const { checks } = JSON.parse(redaction.clean(JSON.stringify({ checks: findings }))) as {
      checks: Examined[];
    };
    return checks.map(({ advice, ...finding }) => ({
      ...finding,
      found: plain(finding.found),
      ...(advice !== undefined && { advice: plain(advice) }),
    }));
  };
  return { subject, clean };
}

function format(findings: readonly Examined[]): string {
  const rows = findings.flatMap(({ level, check, found, advice }) => [
    [level, check, found],
    ...(advice === undefined ? [] : [["", "", `-> ${advice}`]]),
  ]);
  return formatTable(["STATE", "CHECK", "FOUND"], rows);
}
