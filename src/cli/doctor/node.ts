// Is this Node one that the program runs on?

import { type Check, LOCAL_DEADLINE_MS, ok, problem } from "./check.ts";

/** As `engines` in package.json has it. */
const OLDEST = [22, 18] as const;

/** @param version without a leading "v". */
export function nodeCheck(version: string, path: string): Check {
  return {
    name: "node",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const [major = 0, minor = 0] = version.split(".").map(Number);
      const [oldestMajor, oldestMinor] = OLDEST;
      const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
      return isOld
        ? problem(
            `Node ${version} at ${path} is too old`,
            `install Node ${OLDEST.join(".")} or newer, 24 for preference`,
          )
        : ok(`Node ${version} at ${path}`);
    },
  };
}
