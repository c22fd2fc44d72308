// Is there a git that is new enough?

import { CollectError } from "../../collectors/collector.ts";
import { createGit, gitVersion, isOldGit, OLDEST_GIT, whereIsGit } from "../../collectors/git/index.ts";
import { gitSurroundings } from "../../sources.ts";
import { type Check, LOCAL_DEADLINE_MS, ok, problem } from "./check.ts";
import type { Subject } from "./subject.ts";

export function gitCheck({ config, env }: Subject): Check {
  return {
    name: "git",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async (signal) => {
      const surroundings = gitSurroundings(config, env);
      const { workspace } = config;
      try {
        const version = await gitVersion(createGit(surroundings), workspace, signal);
        const place = (await whereIsGit(surroundings, workspace)) ?? "git";
        return isOldGit(version)
          ? problem(`git ${version} at ${place} is too old`, `install git ${OLDEST_GIT} or newer`)
          : ok(`git ${version} at ${place}`);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CollectError && error.reason === "GIT_NOT_INSTALLED") {
          return problem(
            "there is no git in PATH",
            "install git; a directory of PATH that lies in the workspace does not count",
          );
        }
        throw error;
      }
    },
  };
}
