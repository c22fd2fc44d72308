// `fleet-metadata task show`: what the task file says, and what a server of this workspace makes of it: a file that is refused
// is named with its reason.

import type { Command } from "commander";
import { readTaskFile } from "../hooks/task-file.ts";
import type { TaskRecord } from "../hooks/task-record.ts";
import { cleanText } from "../metadata/clean-text.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { selectKeys } from "../metadata/selection.ts";
import { stateName } from "../metadata/state-name.ts";
import { createLog } from "../observability/log.ts";
import { buildSources } from "../sources.ts";
import { type CliContext, commandConfig } from "./options.ts";
import { formatTable } from "./table.ts";

export async function showTask(
  { json }: { readonly json?: boolean },
  command: Command,
  context: CliContext,
): Promise<void> {
  const config = commandConfig(command, context);
  const log = await createLog({ level: "silent", format: "json" });
  // With nothing from the environment, there is no other evidence than this machine's.
  const { service } = buildSources(
    { ...config, noWatch: true },
    { log, env: {}, serverVersion: context.version },
  );
  try {
    await service.read({
      selection: selectKeys(service.catalogue, ["workspace_task_*"]),
      signal: context.signal,
    });
    const { state, reason = "", message = "" } = service.sources().get("task")?.report ?? {};
    const word = (key: string): string | null => {
      const kind = service.snapshot.entries.get(key)?.value?.kind;
      return kind?.case === "stringValue" ? kind.value : null;
    };
    const shown = {
      file: config.taskFile,
      says: readIfPossible(config.taskFile) ?? null,
      status: word("workspace_task_status"),
      source: word("workspace_task_source"),
      state: state === undefined ? "" : stateName(state),
      reason,
      message,
    };
    context.stdout.write(
      json || !context.stdout.isTTY ? `${JSON.stringify(shown, null, 2)}\n` : formatShown(shown),
    );
  } finally {
    await service.close();
  }
}

/** Why it cannot be read, the collection says. */
function readIfPossible(file: string): TaskRecord | undefined {
  try {
    return readTaskFile(file);
  } catch {
    return undefined;
  }
}

function formatShown(shown: Readonly<Record<string, unknown>>): string {
  const { says, file, status, source, state, reason, message } = shown;
  const clean = (value: unknown): string => cleanText(String(value), METADATA_LIMITS.valueBytes).text;
  const said = Object.entries(typeof says === "object" && says !== null ? says : {});
  const rows = [
    ["file", clean(file)],
    ["state", reason === "" ? clean(state) : `${clean(state)}, ${clean(reason)}: ${clean(message)}`],
    [
      "a server says",
      source === null ? "nothing" : `${clean(status ?? "no status")}, from: ${clean(source)}`,
    ],
    ...said.map(([name, value]) => [name, clean(value)]),
  ];
  return formatTable(["FIELD", "VALUE"], rows);
}
