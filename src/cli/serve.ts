// `fleet-metadata serve`: runs the server until it is told to stop.

import type { Command } from "commander";
import { ConfigError, envFileOf, requireSafeListener } from "../config.ts";
import { loadConfig } from "../config-reload.ts";
import { explainUnknown, unknownVariables } from "../config-unknown.ts";
import { createLog } from "../observability/log.ts";
import { createRedaction } from "../observability/redact.ts";
import { startTracing } from "../observability/tracing/start-tracing.ts";
import { build } from "../server.ts";
import { explainListenError } from "./listen-error.ts";
import { type CliContext, configInput } from "./options.ts";
import { createReload } from "./reload.ts";
import { secretsOf } from "./secrets.ts";

export async function serve(command: Command, context: CliContext): Promise<void> {
  const input = configInput(command, context);
  const loaded = loadConfig(input);
  const { config } = loaded;
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
  for (const variable of unknownVariables(input.env, envFileOf(input))) {
    log.warn({ variable: variable.name, closest: variable.closest }, explainUnknown(variable));
  }
  context.onHangup(createReload({ input, loaded, server, log, learn: redaction.learn }));
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

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
