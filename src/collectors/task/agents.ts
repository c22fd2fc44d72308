// Coding agents that are known by the name of their process. Data: a new one is a line.

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

/** The agent that a process of this name is. Undefined: none that is known. */
export function agentOfProcess(name: string): string | undefined {
  return AGENTS.get(name);
}

/** The agent's own word for itself, as AgentAPI gives it, in the form of `workspace.task.agent`. */
export function agentName(word: string): string {
  return AGENTS.get(word) ?? word;
}
