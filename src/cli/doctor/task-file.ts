// Can the task file be read and written, and is it about this workspace?

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname } from "node:path";
import { CollectError, type Collected } from "../../collectors/collector.ts";
import { createTaskCollector, statusWord } from "../../collectors/task/index.ts";
import { TaskStatus } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { type Check, inWords, LOCAL_DEADLINE_MS, ok, problem, warning } from "./check.ts";
import type { Subject } from "./subject.ts";

export function taskFileCheck({ config, now }: Subject): Check {
  const { taskFile, workspace, taskStaleAfterMs } = config;
  return {
    name: "task-file",
    deadlineMs: LOCAL_DEADLINE_MS,
    run: async (signal) => {
      const directory = dirname(taskFile);
      const isWritable = await access(directory, constants.W_OK | constants.X_OK).then(
        () => true,
        () => false,
      );
      if (!isWritable) {
        return problem(
          `${taskFile} cannot be written: ${directory} does not exist, or this user may not write to it`,
          "name another place with --task-file (or FLEET_METADATA_TASK_FILE, which hooks heed, too)",
        );
      }
      const collector = createTaskCollector({
        file: taskFile,
        workspace,
        staleAfterMs: taskStaleAfterMs,
        now,
      });
      try {
        return describe(await collector.collect({ signal }), taskFile);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CollectError)) {
          throw error;
        }
        const advice =
          error.reason === "TASK_FILE_FOREIGN"
            ? "remove it as its owner, or name another place with --task-file"
            : "`fleet-metadata task clear` removes it; whoever writes it has to mend it";
        return problem(`${taskFile}: ${inWords(error)}`, advice);
      }
    },
  };
}

function describe(collected: Collected, file: string) {
  if (collected.outcome === "no_data") {
    return collected.reason === "OTHER_WORKSPACE"
      ? warning(
          `${file}: ${collected.message}, and does not count here`,
          "agents of several workspaces need a task file each: --task-file",
        )
      : ok(`${file} is not there yet, and can be written`);
  }
  const { stale, warning: said, metadata } = collected;
  const { status } = metadata.workspace?.task ?? {};
  const word = statusWord(status ?? TaskStatus.UNSPECIFIED);
  const remark = stale ?? said;
  return remark === undefined
    ? ok(`${file} says ${word}`)
    : warning(
        `${file} says ${word}; ${inWords(remark)}`,
        "the next word of the agent replaces it; `fleet-metadata task clear` removes it",
      );
}
