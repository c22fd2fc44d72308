// `fleet-metadata get [KEY...]`: reads once, from a running server or, with --direct, without one.

import { toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Command } from "commander";
import { createMetadataClient } from "../client/index.ts";
import type { Config } from "../config.ts";
import {
  type GetMetadataResponse,
  GetMetadataResponseSchema,
  MetadataView,
} from "../gen/fleet/metadata/v1/service_pb.ts";
import { closestKey, createCatalogue } from "../metadata/catalogue.ts";
import { createResponse } from "../metadata/response.ts";
import { selectKeys } from "../metadata/selection.ts";
import { createLog } from "../observability/log.ts";
import { buildSources } from "../sources.ts";
import { CommandError } from "./command-error.ts";
import { type CliContext, commandConfig, wantsToken } from "./options.ts";
import { formatResponse } from "./response-table.ts";

/** A server shows later what took longer than a second; here, nobody asks again. In milliseconds. */
const DIRECT_WAIT_MS = 15_000;

export interface GetOptions {
  readonly direct?: boolean;
  readonly json?: boolean;
}

export async function get(
  names: readonly string[],
  { direct, json }: GetOptions,
  command: Command,
  context: CliContext,
): Promise<void> {
  const config = commandConfig(command, context);
  const keys = names.flatMap((name) => name.split(","));
  const response = direct ? await collectDirectly(keys, config, context) : await ask(keys, config, context);
  const catalogue = createCatalogue();
  if (json || !context.stdout.isTTY) {
    context.stdout.write(`${toJsonString(GetMetadataResponseSchema, response, { prettySpaces: 2 })}\n`);
  } else {
    context.stdout.write(formatResponse(catalogue, response));
  }
  const [unknown] = response.unknownKeys;
  if (unknown !== undefined) {
    throw new CommandError(
      `unknown key "${unknown}"; the closest known key is "${closestKey(catalogue, unknown)}"`,
    );
  }
}

async function ask(
  keys: readonly string[],
  { url, token }: Config,
  { signal }: CliContext,
): Promise<GetMetadataResponse> {
  const client = createMetadataClient(url, token === undefined ? {} : { token });
  try {
    return await client.getMetadata({ keys: [...keys] }, { signal });
  } catch (error) {
    throw new CommandError(explainCall(url, ConnectError.from(error)), { cause: error });
  }
}

function explainCall(url: string, { code, rawMessage }: ConnectError): string {
  switch (code) {
    case Code.Unauthenticated:
      return wantsToken(url);
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Aborted:
    case Code.Internal:
      return `${url} does not answer: ${rawMessage} (name a server with --url, or use --direct)`;
    default:
      return `${url} refused: ${rawMessage}`;
  }
}

async function collectDirectly(
  keys: readonly string[],
  config: Config,
  { env, version, signal }: CliContext,
): Promise<GetMetadataResponse> {
  const log = await createLog({ level: "silent", format: "json" });
  const dependencies = { log, env, serverVersion: version, firstWaitMs: DIRECT_WAIT_MS };
  const { service, ready } = buildSources({ ...config, noWatch: true }, dependencies);
  const selection = selectKeys(service.catalogue, keys);
  // Timers of sources do not keep a process alive that waits for them alone.
  const alive = setInterval(() => undefined, DIRECT_WAIT_MS);
  try {
    await ready();
    service.start();
    await service.read({ selection, signal });
    const context = { serverVersion: version, nowMs: Date.now() };
    return createResponse(service, selection, MetadataView.ENTRIES, context);
  } finally {
    clearInterval(alive);
    await service.close();
  }
}
