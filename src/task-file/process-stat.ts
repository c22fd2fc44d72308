// A process as the kernel describes it in /proc/PID/stat (proc_pid_stat(5)). Pure.

export interface ProcessStat {
  readonly pid: number;
  /** At most 15 bytes, as the kernel keeps it. */
  readonly name: string;
  readonly parent: number;
  /** Ticks of the kernel's clock (10 ms) since the machine started: as long as they are the same, it is the same process. */
  readonly startTicks: number;
  /** Whether it has ended, and only its parent does not know yet. */
  readonly isZombie: boolean;
}

/** Undefined when the text is not such a description. The name stands in parentheses and may hold any character, also some. */
export function parseStat(text: string): ProcessStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const [state, parentText, ...rest] = text.slice(close + 2).split(" ");
  const [pid, parent, startTicks] = [Number(text.slice(0, open)), Number(parentText), Number(rest[17])];
  const isWhole = open > 0 && close > open && [pid, parent, startTicks].every(Number.isSafeInteger);
  const isZombie = state === "Z" || state === "X";
  return isWhole ? { pid, name: text.slice(open + 1, close), parent, startTicks, isZombie } : undefined;
}
