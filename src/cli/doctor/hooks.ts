// Which agents write the task file by their hooks?

import { HOOKED_AGENTS } from "../../hooks/agents.ts";
import { CommandError } from "../command-error.ts";
import { type Installation, planInstall, planUninstall } from "../install/agents.ts";
import { findRepositoryRoot } from "../repository-root.ts";
import { type Check, LOCAL_DEADLINE_MS, ok, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

export function hooksCheck({ config, env, program, resolved }: Subject): Check {
  return {
    name: "hooks",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async () => {
      const taskFile = resolved.get("taskFile");
      const installed: string[] = [];
      const others: string[] = [];
      const wrong: string[] = [];
      for (const agent of HOOKED_AGENTS) {
        for (const scope of ["user", "project"] as const) {
          const installation: Installation = {
            agent,
            scope,
            project: findRepositoryRoot(config.workspace),
            env,
            program,
            taskFile: taskFile?.origin === "flag" ? taskFile.text : undefined,
          };
          try {
            const state = stateOf(installation);
            if (state === "none") {
              continue;
            }
            installed.push(`${agent} (${scope})`);
            if (state === "other") {
              others.push(`task install ${agent}${scope === "project" ? " --project" : ""}`);
            }
          } catch (error) {
            if (!(error instanceof CommandError)) {
              throw error;
            }
            wrong.push(error.message);
          }
        }
      }
      if (wrong.length > 0) {
        return warning(
          wrong.join("; "),
          "mend that file; the agent itself may not be able to read it, either",
        );
      }
      if (installed.length === 0) {
        return ok("none are installed; `fleet-metadata task install` has an agent write the task file");
      }
      const found = `installed for ${installed.join(", ")}`;
      return others.length === 0
        ? ok(found)
        : warning(
            `${found}, but not as this program would: they name another path or come from another version`,
            `if that program is gone they do nothing; renew them: ${others.map((command) => `fleet-metadata ${command}`).join("; ")}`,
          );
    },
  };
}

/** Ours: as this program would write them, in another form, or none. */
function stateOf(installation: Installation): "same" | "other" | "none" {
  if (planUninstall(installation).edits.every(({ before, after }) => before === after)) {
    return "none";
  }
  const { edits } = planInstall(installation);
  return edits.every(({ before, after }) => before === after) ? "same" : "other";
}
