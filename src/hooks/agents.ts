// The agents whose hooks write the task file.

/** What a hook has to know about the agent that runs it. */
export interface Agent {
  /** Names that its process may have. An agent of Claude Code's native build is called like its version. */
  readonly processName: RegExp;
  /** The variable that holds the directory that a session was started in: it may go elsewhere meanwhile. */
  readonly directoryVariable?: string;
}

/** By the name that the task file has for it. */
export const AGENTS: ReadonlyMap<string, Agent> = new Map([
  [
    "claude-code",
    {
      processName: /^(claude.*|node.*|bun|MainThread|\d+\.\d+\.\d+.*)$/,
      directoryVariable: "CLAUDE_PROJECT_DIR",
    },
  ],
  ["codex", { processName: /^codex/ }],
]);

/** The names of the agents that have hooks. */
export const HOOKED_AGENTS: readonly string[] = [...AGENTS.keys()];
