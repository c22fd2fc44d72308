// `fleet-metadata config`: every setting as it is in force, and where it came from. Secrets are masked.

import type { Command } from "commander";
import {
  type Config,
  createConfig,
  type Environment,
  envFileOf,
  type Origin,
  type ResolvedSetting,
  resolveSettings,
} from "../config.ts";
import { type SettingName, variablesOf } from "../config-settings.ts";
import { explainUnknown, unknownVariables } from "../config-unknown.ts";
import { MASK, withoutSecrets } from "../config-values.ts";
import { agentApiUrl } from "../sources.ts";
import { type CliContext, configInput } from "./options.ts";
import { formatTable } from "./table.ts";

export function config({ json }: { readonly json?: boolean }, command: Command, context: CliContext): void {
  const input = configInput(command, context);
  const effective = createConfig(input);
  const unknown = unknownVariables(input.env, envFileOf(input));
  const settings = [...resolveSettings(input)].map(([name, resolved]) => {
    const { setting } = resolved;
    return {
      setting: setting.flag === undefined ? variablesOf(setting)[0] : `--${setting.flag}`,
      variable: variablesOf(setting).join(", "),
      ...shown(name, resolved, effective, input.env),
    };
  });
  if (json || !context.stdout.isTTY) {
    context.stdout.write(`${JSON.stringify({ settings, unknown }, null, 2)}\n`);
  } else {
    const rows = settings.map(({ setting, variable, source, value, origin }) => {
      const from = origin === "flag" || source === "" ? origin : `${origin}, ${source}`;
      return [setting, variable, from, value];
    });
    context.stdout.write(formatTable(["SETTING", "VARIABLE", "FROM", "VALUE"], rows));
  }
  for (const warning of [...unknown.map(explainUnknown), ...effective.tracingWarnings]) {
    context.stderr.write(`fleet-metadata: ${warning}\n`);
  }
}

/** A value in force and where it came from: the kind of place, and its name there, which is empty for plain defaults. */
interface Shown {
  readonly value: string;
  readonly origin: Origin | "coder";
  readonly source: string;
}

function shown(
  name: SettingName,
  { setting, text, origin, name: source }: ResolvedSetting,
  effective: Config,
  env: Environment,
): Shown {
  if (text !== undefined) {
    return { value: setting.secret ? MASK : presentable(text), origin, source };
  }
  const coder = fromCoder(name, effective, env);
  if (coder !== undefined) {
    return { ...coder, origin: "coder" };
  }
  const derived: Partial<Record<SettingName, string>> = {
    workspace: effective.workspace,
    url: effective.url,
    githubHost: effective.github.host,
    githubApiUrl: effective.github.apiUrl,
  };
  return { value: derived[name] ?? setting.defaultText ?? "", origin: "default", source: "" };
}

/** An address may have a password in it. In a path, an "@" is a character like others. */
function presentable(text: string): string {
  return text.includes("://") ? withoutSecrets(text) : text;
}

/** What Coder's variables decide where nothing else does. */
function fromCoder(
  name: SettingName,
  { allowedHosts }: Config,
  env: Environment,
): Omit<Shown, "origin"> | undefined {
  const first = (...names: readonly string[]): Omit<Shown, "origin"> | undefined => {
    const found = names.find((variable) => env[variable]);
    return found === undefined ? undefined : { value: presentable(env[found] ?? ""), source: found };
  };
  switch (name) {
    case "allowedHosts": {
      const variables = ["VSCODE_PROXY_URI", "CODER_AGENT_URL", "CODER_URL"].filter(
        (variable) => env[variable],
      );
      return allowedHosts.length === 0
        ? undefined
        : { value: allowedHosts.join(","), source: variables.join(", ") };
    }
    case "agentapiUrl": {
      const value = agentApiUrl({ agentapiUrl: undefined }, env);
      return value === undefined ? undefined : { value, source: "CODER" };
    }
    case "coderUrl":
      return first("CODER_URL", "CODER_AGENT_URL");
    case "coderTokenFile": {
      const token = first("CODER_SESSION_TOKEN");
      return token && { ...token, value: MASK };
    }
    default:
      return undefined;
  }
}
