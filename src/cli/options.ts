// From the table of settings to the flags of a command, and from its flags to a configuration.

import { type Command, Option } from "commander";
import { type Config, type ConfigInput, createConfig, type Environment } from "../config.ts";
import { SETTINGS, type Setting, type SettingName, variablesOf } from "../config-settings.ts";
import type { ServerDependencies } from "../server.ts";

/** What a command is run with. */
export interface CliContext {
  readonly env: Environment;
  readonly cwd: string;
  readonly version: string;
  /** See {@link ServerDependencies}. */
  readonly readPage: ServerDependencies["readPage"];
  /** How this program was started, without its arguments: Node and its script, as absolute paths. */
  readonly program: readonly string[];
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted at the first SIGTERM or SIGINT, and where {@link onHangup} is in use, when the terminal is closed. */
  readonly signal: AbortSignal;
  /** Calls `listener` at each SIGHUP from now on, which then ends the process no more, unless it says that the terminal was closed. */
  onHangup(listener: () => void): void;
}

/** Gives a command the flags of settings. */
export function addSettings(command: Command, names: readonly SettingName[]): Command {
  const others: string[] = [];
  for (const name of names) {
    const setting: Setting = SETTINGS[name];
    const fallback = setting.defaultText === undefined ? "" : ` (default: ${setting.defaultText})`;
    if (setting.flag === undefined) {
      others.push(`  ${variablesOf(setting).join(", else ")}: ${setting.description}${fallback}`);
      continue;
    }
    const value = setting.placeholder === undefined ? "" : ` <${setting.placeholder}>`;
    const repeatable = setting.list ? " (repeatable)" : "";
    const description = `${setting.description}${repeatable}${fallback} [$${variablesOf(setting)[0]}]`;
    const option = new Option(`--${setting.flag}${value}`, description);
    if (setting.list) {
      option.argParser((item: string, before: string | undefined) =>
        before === undefined ? item : `${before},${item}`,
      );
    }
    command.addOption(option);
  }
  if (others.length > 0) {
    command.addHelpText("after", `\nVariables without a flag:\n${others.join("\n")}`);
  }
  return command.option(
    "--env-file <PATH>",
    "file of settings, as NAME=VALUE lines; none is read without this flag",
  );
}

/** What the flags of a command say about settings. */
export function configInput(command: Command, { env, cwd }: CliContext): ConfigInput {
  const given = new Map<string, string>();
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (command.getOptionValueSource(option.attributeName()) === "cli") {
      // A flag that begins with "no-" turns something off: its own value is false when it is given.
      given.set((option.long ?? "").slice(2), String(option.negate ? true : value));
    }
  }
  const flags: Partial<Record<SettingName, string>> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { flag }: Setting = SETTINGS[name];
    const value = flag === undefined ? undefined : given.get(flag);
    if (value !== undefined) {
      flags[name] = value;
    }
  }
  return { flags, env, cwd, envFile: given.get("env-file") };
}

/** The configuration of a command. @throws {ConfigError} when a setting is wrong. */
export function commandConfig(command: Command, context: CliContext): Config {
  return createConfig(configInput(command, context));
}

/** What is said of a server that refuses the token that it was sent, or that it was sent none. */
export function wantsToken(url: string): string {
  return `${url} wants a token: set --token-file or --token to the server's`;
}
