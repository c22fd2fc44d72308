// `fleet-metadata health`: asks a running server whether it takes part. For the health checks of containers and the like, whose
// images have no other program that could ask.

import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Command } from "commander";
import { CommandError } from "./command-error.ts";
import { type CliContext, commandConfig } from "./options.ts";

/** The answer waits for nothing, so a server that takes longer than this is not well. In milliseconds. */
const DEADLINE_MS = 5_000;

/** The answer is a hundred bytes. */
const MAX_LENGTH = 4_096;

/** Prints "healthy". @throws {CommandError} when the server starts, stops or does not answer. */
export async function health(command: Command, context: CliContext): Promise<void> {
  const { url } = commandConfig(command, context);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(DEADLINE_MS)]);
  const text = await ask(url, signal).catch((error: Error) => {
    const why = error.name === "AbortError" ? `not within ${DEADLINE_MS / 1_000} s` : error.message;
    throw new CommandError(`${url} does not answer: ${why}`, { cause: error });
  });
  const status = statusIn(text);
  if (status !== "healthy") {
    throw new CommandError(
      status === undefined ? `${url} is another program's` : `${url} is not healthy: ${status}`,
    );
  }
  context.stdout.write("healthy\n");
}

async function ask(url: string, signal: AbortSignal): Promise<string> {
  const socketPath = url.startsWith("unix:") ? url.slice("unix:".length) : undefined;
  const address = new URL(`${socketPath === undefined ? url.replace(/\/$/, "") : "http://localhost"}/health`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = address.protocol === "https:" ? requestHttps : requestHttp;
  request(address, {
    signal,
    // A server's certificate names it to others, not to itself; and nothing secret is said to whoever it is.
    rejectUnauthorized: false,
    ...(socketPath !== undefined && { socketPath }),
  })
    .on("response", (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (chunk: string) => {
          text += chunk;
          if (text.length > MAX_LENGTH) {
            response.destroy();
            resolve("");
          }
        })
        .on("end", () => resolve(text))
        .on("error", reject);
    })
    .on("error", reject)
    .end();
  return await promise;
}

/** Undefined: this is no answer of ours. */
function statusIn(text: string): string | undefined {
  try {
    const { status } = JSON.parse(text) as { readonly status?: unknown };
    return typeof status === "string" ? status : undefined;
  } catch {
    return undefined;
  }
}
