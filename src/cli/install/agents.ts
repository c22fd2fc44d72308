// Where each agent keeps its hooks, and what ours are.

import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../config-environment.ts";
import { CommandError } from "../command-error.ts";
import { addHooks, HooksShapeError, hookCommand, removeHooks } from "./hook-entries.ts";
import { JsonTextError } from "./json-text.ts";
import { NotifyTakenError, removeNotify, setNotify, TomlTextError } from "./notify-key.ts";
import { type Edit, readSettings, requireInside } from "./settings-file.ts";

/** What is to be installed, and for whom. */
export interface Installation {
  readonly agent: string;
  /** The project's settings, or the user's for all projects. */
  readonly scope: "project" | "user";
  /** Root of the project: where the agent looks for its settings. */
  readonly project: string;
  readonly env: Environment;
  /** This program: what its arguments go behind. */
  readonly program: readonly string[];
  /** Undefined: hooks find it as the server does. */
  readonly taskFile: string | undefined;
}

/** Changes, and what the user has to know about them. */
export interface Plan {
  readonly edits: readonly Edit[];
  readonly notes: readonly string[];
}

/** https://code.claude.com/docs/en/hooks */
const CLAUDE_CODE_EVENTS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "PostToolUseFailure",
  "Notification",
  "Elicitation",
  "ElicitationResult",
  "SubagentStop",
  "Stop",
  "StopFailure",
  "SessionEnd",
];

/** https://developers.openai.com/codex/hooks. Events that a version does not know are ignored by it. */
const CODEX_EVENTS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "Stop",
  "StopFailure",
  "Interrupt",
  "SessionEnd",
];

/** @throws {CommandError} when settings cannot be read or are not what they should be. */
export function planInstall(installation: Installation): Plan {
  const { agent, taskFile, program } = installation;
  const file = taskFile === undefined ? [] : ["--task-file", taskFile];
  const wordsOf = (...more: readonly string[]) => [...program, "task", "hook", agent, ...more, ...file];
  const { hooks, notify, events } = placesOf(installation);
  const commands = new Map(events.map((event) => [event, hookCommand(wordsOf("--event", event))]));
  const edits = [edit(hooks, "{}\n", (text) => addHooks(text, commands))];
  const notes: string[] = [];
  if (notify !== undefined) {
    try {
      edits.push(edit(notify, "", (text) => setNotify(text, wordsOf())));
    } catch (error) {
      if (!(error instanceof NotifyTakenError)) {
        throw error;
      }
      notes.push(`${notify} is left as it is: ${error.message}. The hooks alone tell more than it could.`);
    }
  }
  if (agent === "codex") {
    notes.push("Codex runs hooks once you have trusted them: start it and say /hooks.");
  }
  if (installation.scope === "project") {
    notes.push(`${hooks} names programs of this machine: keep it out of commits.`);
  }
  return { edits, notes };
}

/** @throws {CommandError} as planInstall. */
export function planUninstall(installation: Installation): Plan {
  const { hooks, notify } = placesOf(installation);
  const edits = [
    edit(hooks, undefined, removeHooks),
    ...(notify === undefined ? [] : [edit(notify, undefined, removeNotify)]),
  ];
  return { edits: edits.filter(({ before }) => before !== undefined), notes: [] };
}

interface Places {
  /** The JSON file that has hooks. */
  readonly hooks: string;
  readonly events: readonly string[];
  /** The TOML file that has `notify`. */
  readonly notify?: string;
}

/** @throws {CommandError} when the project leads elsewhere. */
function placesOf(installation: Installation): Places {
  const places = namedPlaces(installation);
  if (installation.scope === "project") {
    requireInside(installation.project, places.hooks);
  }
  return places;
}

function namedPlaces({ agent, scope, project, env }: Installation): Places {
  const home = env["HOME"] || homedir();
  if (agent === "claude-code") {
    const user = env["CLAUDE_CONFIG_DIR"] || join(home, ".claude");
    // The project's settings.json is shared with others, on whose machines our program lies elsewhere.
    const hooks =
      scope === "user" ? join(user, "settings.json") : join(project, ".claude", "settings.local.json");
    return { hooks, events: CLAUDE_CODE_EVENTS };
  }
  const directory = scope === "user" ? env["CODEX_HOME"] || join(home, ".codex") : join(project, ".codex");
  const hooks = join(directory, "hooks.json");
  // Codex takes `notify` from the user's settings only.
  return { hooks, events: CODEX_EVENTS, ...(scope === "user" && { notify: join(directory, "config.toml") }) };
}

function edit(path: string, empty: string | undefined, change: (text: string) => string): Edit {
  const before = readSettings(path);
  const text = before === undefined || before.trim() === "" ? empty : before;
  if (text === undefined) {
    return { path, before: undefined, after: "" };
  }
  try {
    return { path, before, after: change(text) };
  } catch (error) {
    if (error instanceof JsonTextError) {
      throw new CommandError(`${path} is not JSON, and is left as it is: ${error.message}`, { cause: error });
    }
    if (error instanceof HooksShapeError || error instanceof TomlTextError) {
      throw new CommandError(`${path} is left as it is: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
