// `fleet-metadata health`: asks a running server whether it takes part. For the health checks of containers and the like, whose
// images have no other program that could ask.

import type { Command } from "commander";
import { createConfig, resolveSettings } from "../config.ts";
import { askHealth } from "./ask-health.ts";
import { CommandError } from "./command-error.ts";
import { type CliContext, configInput } from "./options.ts";

/** The answer waits for nothing, so a server that takes longer than this is not well. In milliseconds. */
const DEADLINE_MS = 5_000;

/** Prints "healthy". @throws {CommandError} when the server starts, stops or does not answer. */
export async function health(command: Command, context: CliContext): Promise<void> {
  const input = configInput(command, context);
  const { url } = createConfig(input);
  // A server need not allow the name that it listens on.
  const host = resolveSettings(input).get("url")?.origin === "default" ? "localhost" : undefined;
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const signal = AbortSignal.any([context.signal, deadline]);
  const answer = await askHealth(url, signal, host).catch((error: Error) => {
    const why = deadline.aborted ? `not within ${DEADLINE_MS / 1_000} s` : error.message;
    throw new CommandError(`${url} does not answer: ${why}`, { cause: error });
  });
  if (answer?.status !== "healthy") {
    throw new CommandError(
      answer === undefined ? `${url} is another program's` : `${url} is not healthy: ${answer.status}`,
    );
  }
  context.stdout.write("healthy\n");
}
