// Processes as /proc shows them: name, parent and start. Command lines are never read: they hold secrets.

import { type ProcessStat, parseStat } from "../task-file/process-stat.ts";

const { readFileSync, readlinkSync } = process.getBuiltinModule("node:fs");

/** Undefined when there is no such process, or no /proc. */
export type ReadProcess = (pid: number) => ProcessStat | undefined;

export const readProcess: ReadProcess = (pid) => {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
};

/** The namespace of process numbers that this process lives in. Undefined where there is no /proc. */
export function pidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

/** What may stand between an agent and its hook. */
const BETWEEN: ReadonlySet<string> = new Set(
  "sh bash dash zsh ash ksh mksh fish busybox env timeout nice setsid stdbuf".split(" "),
);

/** An agent's line of processes has a few links; more is a loop or not ours. */
const MAX_LINKS = 10;

/** A hook's place among the processes. */
export interface Lineage {
  /** The first process that the agent started for this hook; the hook's own where no agent is found. */
  readonly first: ProcessStat | undefined;
  /** The agent's process. Undefined: what started the hook has not the name of such an agent. */
  readonly agent: number | undefined;
}

/** Goes up from the hook past shells. Whoever stands there is the agent, if it is called like one. */
export function findLineage(pid: number, agentName: RegExp, read: ReadProcess): Lineage {
  const own = read(pid);
  let first = own;
  for (let link = 0; first !== undefined && link < MAX_LINKS; link += 1) {
    const parent = read(first.parent);
    if (parent === undefined) {
      break;
    }
    if (agentName.test(parent.name)) {
      return { first, agent: parent.pid };
    }
    if (!BETWEEN.has(parent.name)) {
      break;
    }
    first = parent;
  }
  return { first: own, agent: undefined };
}
