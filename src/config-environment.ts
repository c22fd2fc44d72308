// What of the settings a program needs that must start at once: no parser of settings is loaded for it.

/** Variables as a process gets them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the task file lies when nothing else is said. */
export const DEFAULT_TASK_FILE = "/tmp/fleet-metadata-task.json";

/** The variable of the setting --task-file. */
export const TASK_FILE_VARIABLE = "FLEET_METADATA_TASK_FILE";

/** The environment of this process. */
export function processEnvironment(): Environment {
  // biome-ignore lint/style/noProcessEnv: the one place that reads it
  return process.env;
}
