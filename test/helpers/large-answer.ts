// An answer that is large enough to be compressed.

import { ControlledCollector, data } from "./controlled-collector.ts";

/** Each as long as a value may be. */
const LONG = "a long text ".repeat(300);

/** What the collector of {@link largeAnswer} finds as the branch. */
export const LARGE_BRANCH = `main ${LONG}`;

export function largeAnswer(): ControlledCollector {
  const commit = { message: LONG, author: LONG, hash: LONG, sha: LONG };
  return new ControlledCollector("git", data({ git: { branch: LARGE_BRANCH, commit } }));
}
