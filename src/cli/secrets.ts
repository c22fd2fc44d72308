// The secrets that a command was given, so that nothing that it writes repeats them.

import type { Config } from "../config.ts";
import { tracingSecrets } from "../config-tracing.ts";
import type { CliContext } from "./options.ts";

/** Variables of others that hold tokens, used or not. */
const SECRET_VARIABLES = ["GITHUB_TOKEN", "GH_TOKEN", "CODER_SESSION_TOKEN", "CODER_AGENT_TOKEN"];

/** As far as they are known before files are read that settings name for later. */
export function secretsOf({ token, github, tracing }: Config, { env }: Pick<CliContext, "env">): string[] {
  const variables = SECRET_VARIABLES.map((name) => env[name]);
  const ofTracing = tracing === undefined ? [] : tracingSecrets(tracing);
  return [token, github.token, ...variables, ...ofTracing].filter((secret) => secret !== undefined);
}
