// The log: one line per event that is worth a person's attention, without secrets. Touches the stream that it is given.

import { type DestinationStream, type Logger, pino } from "pino";
import { createRedaction } from "./redact.ts";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  readonly format: "json" | "pretty";
  /** What must never be in a line, whoever logs it. What looks like a secret is taken out beside. Default: none. */
  readonly secrets?: readonly string[];
  /** Where lines go. Default: standard output, written at once, so that nothing is lost when the process ends. */
  readonly destination?: DestinationStream;
}

/** Makes a log. What prints for people is loaded only where it is wanted. */
export async function createLog({ level, format, secrets = [], destination }: LogOptions): Promise<Logger> {
  const target = destination ?? pino.destination({ dest: 1, sync: true });
  const stream =
    format === "pretty"
      ? (await import("pino-pretty")).default({ destination: target, ignore: "pid,hostname", sync: true })
      : target;
  const redact = createRedaction(secrets);
  const redacting = { write: (line: string) => void stream.write(redact(line)) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, redacting);
}
