// Processes as /proc shows them: name, parent and start. Command lines are never read: they hold secrets.

import { readFileSync } from "node:fs";

export interface ProcessStat {
  readonly pid: number;
  /** At most 15 bytes, as the kernel keeps it. */
  readonly name: string;
  readonly parent: number;
  /** Ticks of the kernel's clock (usually 10 ms) since the machine started. */
  readonly startTicks: number;
}

/** Undefined when there is no such process, or no /proc. */
export type ReadProcess = (pid: number) => ProcessStat | undefined;

export const readProcess: ReadProcess = (pid) => {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
};

/** Reads proc_pid_stat(5). The name stands in parentheses and may itself have some. */
export function parseStat(text: string): ProcessStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const rest = text.slice(close + 2).split(" ");
  const [pid, parent, startTicks] = [Number(text.slice(0, open)), Number(rest[1]), Number(rest[19])];
  const isWhole = open > 0 && close > open && [pid, parent, startTicks].every(Number.isSafeInteger);
  return isWhole ? { pid, name: text.slice(open + 1, close), parent, startTicks } : undefined;
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
