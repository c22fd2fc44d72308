// `fleet-metadata serve`: runs the server until it is told to stop.

import type { Command } from "commander";
import { type Config, ConfigError, requireSafeListener } from "../config.ts";
import { tracingSecrets } from "../config-tracing.ts";
import type { ListenSetting } from "../config-values.ts";
import { createLog } from "../observability/log.ts";
import { createRedaction } from "../observability/redact.ts";
import { startTracing } from "../observability/tracing/start-tracing.ts";
import { build } from "../server.ts";
import { type CliContext, commandConfig } from "./options.ts";

/** Variables of others that hold tokens, used or not. */
const SECRET_VARIABLES = ["GITHUB_TOKEN", "GH_TOKEN", "CODER_SESSION_TOKEN", "CODER_AGENT_TOKEN"];

export async function serve(command: Command, context: CliContext): Promise<void> {
  const config = commandConfig(command, context);
  requireSafeListener(config);
  const format = config.logFormat ?? (context.stdout.isTTY ? "pretty" : "json");
  const redaction = createRedaction(secretsOf(config, context));
  const log = await createLog({ level: config.logLevel, format, redaction });
  for (const warning of config.tracingWarnings) {
    log.warn(warning);
  }
  const { version: serverVersion, env, readPage } = context;
  const tracing = config.tracing && (await startTracing({ ...config.tracing, serverVersion, log }));
  const server = build(config, { log, env, serverVersion, readPage, onSecret: redaction.learn, tracing });
  context.onHangup(() => void server.reload());
  const address = await server.listen().catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(
      `--listen: cannot listen on ${config.listen.text}: ${explainListenError(error, config.listen)}`,
    );
  });
  const url =
    "path" in address
      ? `unix:${address.path}`
      : urlOf(config.tls ? "https" : "http", address.host, address.port);
  log.info({ url, workspace: config.workspace, version: context.version }, `listening on ${url}`);
  if (!context.signal.aborted) {
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve, { once: true }));
  }
  log.info("stopping");
  await server.close();
}

/** What the log must never repeat, as far as it is known at the start. */
function secretsOf({ token, github, tracing }: Config, { env }: CliContext): string[] {
  const variables = SECRET_VARIABLES.map((name) => env[name]);
  const ofTracing = tracing === undefined ? [] : tracingSecrets(tracing);
  return [token, github.token, ...variables, ...ofTracing].filter((secret) => secret !== undefined);
}

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function explainListenError(error: NodeJS.ErrnoException, { address }: ListenSetting): string {
  if ("path" in address) {
    return error.code === "EADDRINUSE"
      ? "something is there already; allowed is a path where nothing is"
      : "it cannot be made; allowed is a path in a directory that exists and that this user may write to";
  }
  switch (error.code) {
    case "EADDRINUSE":
      return "the address is in use; allowed is a free one, or :0 for any free port";
    case "EACCES":
      return "not permitted; allowed is a port above 1023";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "this machine does not have that address; allowed is one of its own, or 0.0.0.0 for all";
    default:
      return error.message;
  }
}
