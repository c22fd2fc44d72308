// What the log says about sources: once per change of state, not once per read.

import type { Logger } from "./log.ts";

/** How a source is doing, in words. */
export interface SourceCondition {
  /** Lower case, for example "failed". */
  readonly state: string;
  readonly reason: string;
  readonly message: string;
}

const WARNING_STATES: ReadonlySet<string> = new Set(["stale", "failed"]);

/** Logs every change of a source's state or reason: a warning when it fails, an information when it recovers. */
export function createSourceLog(
  log: Logger,
): (source: string, condition: SourceCondition, error?: unknown) => void {
  const last = new Map<string, string>();
  return (source, { state, reason, message }, error) => {
    const condition = `${state} ${reason}`;
    const isFirst = !last.has(source);
    if (last.get(source) === condition) {
      return;
    }
    last.set(source, condition);
    const fields = {
      source,
      state,
      ...(reason === "" ? {} : { reason, message }),
      ...(error ? { err: error } : {}),
    };
    const text = `source ${source} is ${state}`;
    if (WARNING_STATES.has(state)) {
      log.warn(fields, text);
    } else if (isFirst) {
      log.debug(fields, text);
    } else {
      log.info(fields, text);
    }
  };
}
