// How far two commits are apart.

import type { Git, RunOptions } from "./git.ts";

/** Commits that one side has and the other lacks. */
export interface Divergence {
  readonly ahead: number;
  readonly behind: number;
}

/**
 * Counts the commits of `ours` that `theirs` lacks, and the other way round. Both are full hashes.
 *
 * @returns Absent when it cannot be counted, for example because commits are missing. Never 0 in place of unknown.
 */
export async function readDivergence(
  git: Git,
  ours: string,
  theirs: string,
  options: RunOptions,
): Promise<Divergence | undefined> {
  if (ours === theirs) return { ahead: 0, behind: 0 };
  const args = ["rev-list", "--left-right", "--count", "--end-of-options", `${ours}...${theirs}`, "--"];
  const result = await git.run(args, options);
  return result.exitCode === 0 ? parseDivergence(result.stdout.toString("utf8")) : undefined;
}

/** Parses `3\t5`. Absent when it is anything else. */
export function parseDivergence(output: string): Divergence | undefined {
  const [, ahead, behind] = /^(\d+)\t(\d+)\n?$/.exec(output) ?? [];
  return ahead === undefined || behind === undefined
    ? undefined
    : { ahead: Number(ahead), behind: Number(behind) };
}
