// `fleet-metadata task clear`: removes the task file.

import type { Command } from "commander";
import { removeTaskFile, TaskFileError } from "../hooks/task-file.ts";
import { CommandError } from "./command-error.ts";
import { type CliContext, commandConfig } from "./options.ts";

/** No file is no error. @throws {CommandError} when it is not ours, or cannot be removed. */
export function clearTask(command: Command, context: CliContext): void {
  try {
    removeTaskFile(commandConfig(command, context).taskFile);
  } catch (error) {
    throw error instanceof TaskFileError ? new CommandError(error.message, { cause: error }) : error;
  }
}
