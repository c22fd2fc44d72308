// What a check is, and what it finds. Pure.

import type { Problem } from "../../collectors/collector.ts";

/** `warning`: it works, but not as well as it could, or not as was probably meant. `problem`: something does not work. */
export type Level = "ok" | "warning" | "problem";

/** What a check has found. */
export interface Finding {
  readonly level: Level;
  /** What there is, in plain words. May hold text from the workspace: it is cleaned before it is shown. */
  readonly found: string;
  /** What to do about it. Absent: nothing. */
  readonly advice?: string;
}

/** Looks at one thing, and changes nothing. */
export interface Check {
  /** One word, as it is given to the command. */
  readonly name: string;
  /** Longest time that it may take, in milliseconds. */
  readonly deadlineMs: number;
  /** What it throws is a finding, too. */
  run(signal: AbortSignal): Promise<Finding>;
}

/** The finding of one check. */
export interface Examined extends Finding {
  readonly check: string;
}

/** For what only looks at this machine. In milliseconds. */
export const LOCAL_DEADLINE_MS = 5_000;

export const ok = (found: string): Finding => ({ level: "ok", found });

export const warning = (found: string, advice?: string): Finding => finding("warning", found, advice);

export const problem = (found: string, advice?: string): Finding => finding("problem", found, advice);

/** What a collector says is wrong, to be a part of a line. */
export function inWords({ reason, message }: Problem): string {
  return `${reason}: ${message.replace(/\.$/, "")}`;
}

function finding(level: Level, found: string, advice: string | undefined): Finding {
  return { level, found, ...(advice !== undefined && { advice }) };
}
