// `fleet-metadata watch [KEY...]`: follows a running server, through its restarts, until it is interrupted.

import { toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Command } from "commander";
import { type Connection, watchMetadata } from "../client/index.ts";
import { type GetMetadataResponse, GetMetadataResponseSchema } from "../gen/fleet/metadata/v1/service_pb.ts";
import { type Catalogue, closestKey, createCatalogue } from "../metadata/catalogue.ts";
import { CommandError } from "./command-error.ts";
import { type CliContext, commandConfig, wantsToken } from "./options.ts";
import { printable } from "./printable.ts";
import { formatResponse } from "./response-table.ts";
import { drawOn, type Screen } from "./screen.ts";

/**
 * A table that is drawn anew with each change on a terminal, else one line of JSON per change. Connections that are lost
 * and found are said on standard error. Ends when it is interrupted.
 *
 * @throws {CommandError} when the server refuses: nothing here would change before the next try.
 */
export async function watch(
  keys: readonly string[],
  { json }: { readonly json?: boolean },
  command: Command,
  context: CliContext,
): Promise<void> {
  const { url, token } = commandConfig(command, context);
  const catalogue = createCatalogue();
  const screen = json || !context.stdout.isTTY ? undefined : drawOn(context.stdout);
  const say = (text: string): void => void context.stderr.write(`fleet-metadata: ${printable(text)}\n`);
  const noteUnknown = createUnknownNote(keys, catalogue, say);
  const refused = new AbortController();
  const noteConnection = createConnectionNote((text) => say(`${url}: ${text}`));
  try {
    await watchMetadata(url, {
      keys,
      ...(token === undefined ? {} : { token }),
      signal: AbortSignal.any([context.signal, refused.signal]),
      onState: (state) => {
        show(state, catalogue, screen, context);
        noteUnknown(state);
      },
      onConnection: (connection) => {
        const isRefused = connection.state === "disconnected" && REFUSALS.has(connection.reason);
        if (isRefused) {
          refused.abort(connection.error);
        } else {
          noteConnection(connection);
        }
      },
    });
    refused.signal.throwIfAborted();
  } catch (error) {
    throw new CommandError(explainRefusal(url, ConnectError.from(error)), { cause: error });
  } finally {
    screen?.close();
  }
}

function explainRefusal(url: string, { code, rawMessage }: ConnectError): string {
  return code === Code.Unauthenticated ? wantsToken(url) : `${url} refuses: ${rawMessage}`;
}

const REFUSALS: ReadonlySet<string> = new Set(["unauthenticated", "refused"]);

function show(
  state: GetMetadataResponse,
  catalogue: Catalogue,
  screen: Screen | undefined,
  { stdout }: CliContext,
): void {
  if (screen === undefined) {
    stdout.write(`${toJsonString(GetMetadataResponseSchema, state)}\n`);
  } else {
    screen.draw(formatResponse(catalogue, state));
  }
}

/** Says that the connection was lost, and when it is back after that. */
function createConnectionNote(say: (text: string) => void): (connection: Connection) => void {
  let wasLost = false;
  return (connection) => {
    if (connection.state === "disconnected") {
      wasLost = true;
      const { message, retryInMs = 0 } = connection;
      say(`${message}; next try in ${(retryInMs / 1_000).toFixed(1)} s`);
    } else if (connection.state === "connected" && wasLost) {
      wasLost = false;
      say("connected");
    }
  };
}

/** Says once of each name that the server does not know it. Another version of the server may. */
function createUnknownNote(
  keys: readonly string[],
  catalogue: Catalogue,
  say: (text: string) => void,
): (state: GetMetadataResponse) => void {
  // Only names that were asked for: what else a server sends need not be fit for a terminal.
  const unsaid = new Set(keys);
  return ({ unknownKeys }) => {
    for (const key of unknownKeys.filter((name) => unsaid.has(name))) {
      unsaid.delete(key);
      say(`unknown key "${key}"; the closest known key is "${closestKey(catalogue, key)}"`);
    }
  };
}
