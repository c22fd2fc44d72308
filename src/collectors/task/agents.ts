// Coding agents that are known by their process: its name, or its program. Data: a new one is a line.

import type { ProcessProgram } from "./proc.ts";

/** From the name of a process to the name of the agent as it stands in `workspace.task.agent`. */
const AGENTS: ReadonlyMap<string, string> = new Map([
  ["aider", "aider"],
  ["amp", "amp"],
  ["auggie", "auggie"],
  ["claude", "claude-code"],
  ["cline", "cline"],
  ["codex", "codex"],
  ["copilot", "copilot"],
  ["crush", "crush"],
  ["cursor-agent", "cursor-agent"],
  ["droid", "droid"],
  ["gemini", "gemini"],
  ["goose", "goose"],
  ["kiro-cli", "kiro"],
  ["opencode", "opencode"],
  ["openhands", "openhands"],
  ["plandex", "plandex"],
  ["qodo", "qodo"],
  ["qwen", "qwen-code"],
]);

/**
 * Programs that are not called like their agent, by where installers lay them down: Claude Code's is called like its version,
 * Cursor's agent brings a Node of its own, Codex's may have the platform in its name.
 */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\/claude\/versions\/[^/]+$/, "claude-code"],
  [/\/cursor-agent\/versions\/[^/]+\/node$/, "cursor-agent"],
  [/\/codex-(?:x86_64|aarch64)-[\w-]+$/, "codex"],
];

/** The agent that a process is. Undefined: none that is known. */
export function agentOfProcess({ name = "", program = "" }: ProcessProgram): string | undefined {
  return (
    AGENTS.get(name) ??
    AGENTS.get(program.slice(program.lastIndexOf("/") + 1)) ??
    PROGRAMS.find(([pattern]) => pattern.test(program))?.[1]
  );
}

/** The agent's own word for itself, as AgentAPI gives it, in the form of `workspace.task.agent`. */
export function agentName(word: string): string {
  return AGENTS.get(word) ?? word;
}
