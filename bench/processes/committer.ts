// Commits in a loop, as an agent does, and reports how many of its git commands failed.

import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";

/** What came of it. */
export interface CommitReport {
  readonly failures: number;
  readonly firstFailure: string | undefined;
}

const [root = "", file = "", commits = ""] = process.argv.slice(2);
const failures: string[] = [];

for (let commit = 0; commit < Number(commits); commit += 1) {
  appendFileSync(join(root, file), `Line ${commit}.\n`);
  git("add", "--", file);
  git("commit", "--quiet", "-m", `commit ${commit}`);
}
const report: CommitReport = {
  failures: failures.length,
  firstFailure: failures[0],
};
process.send?.(report);
process.disconnect?.();

function git(...args: string[]): void {
  const { status, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) {
    failures.push(`git ${args[0]}: ${stderr.trim().split("\n", 1)[0]}`);
  }
}
