// The log: one line per event that is worth a person's attention, without secrets. Touches the stream that it is given.

import { type DestinationStream, type Logger, pino } from "pino";
import { createRedaction, type Redaction } from "./redact.ts";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  readonly format: "json" | "pretty";
  /** Takes secrets out of every line, whoever logs it. Default: those that look like one. */
  readonly redaction?: Redaction;
  /** Where lines go. Default: standard output, written at once, so that nothing is lost when the process ends. */
  readonly destination?: DestinationStream;
}

/** Makes a log. What prints for people is loaded only where it is wanted. */
export async function createLog(options: LogOptions): Promise<Logger> {
  const { level, format, redaction = createRedaction(), destination } = options;
  const target = destination ?? pino.destination({ dest: 1, sync: true });
  const stream =
    format === "pretty"
      ? (await import("pino-pretty")).default({ destination: target, ignore: "pid,hostname", sync: true })
      : target;
  const redacting = { write: (line: string) => void stream.write(redaction.clean(line)) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, redacting);
}
