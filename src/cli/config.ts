// `fleet-metadata config`: every setting as it is in force, and where it came from. Secrets are masked.

import type { Command } from "commander";
import { createConfig, resolveSettings } from "../config.ts";
import { variablesOf } from "../config-settings.ts";
import { withoutSecrets } from "../config-values.ts";
import { type CliContext, configInput } from "./options.ts";
import { formatTable } from "./table.ts";

export function config({ json }: { readonly json?: boolean }, command: Command, context: CliContext): void {
  const input = configInput(command, context);
  createConfig(input);
  const settings = [...resolveSettings(input).values()].map(({ setting, text, origin }) => ({
    setting: setting.flag === undefined ? variablesOf(setting)[0] : `--${setting.flag}`,
    variable: variablesOf(setting).join(", "),
    value:
      text === undefined ? (setting.defaultText ?? "") : setting.secret ? "********" : withoutSecrets(text),
    origin,
  }));
  if (json || !context.stdout.isTTY) {
    context.stdout.write(`${JSON.stringify({ settings }, null, 2)}\n`);
    return;
  }
  const rows = settings.map(({ setting, variable, value, origin }) => [setting, variable, origin, value]);
  context.stdout.write(formatTable(["SETTING", "VARIABLE", "FROM", "VALUE"], rows));
}
