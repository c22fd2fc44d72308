// What the checks look at: the settings, as far as they are valid, and this machine.

import { CollectError } from "../../collectors/collector.ts";
import type { Survey } from "../../collectors/git/index.ts";
import type { Config, ConfigInput, Environment, ResolvedSetting } from "../../config.ts";
import type { WrongSetting } from "../../config-reload.ts";
import type { SettingName } from "../../config-settings.ts";

export interface Subject {
  /** As if the settings that are wrong had not been given. */
  readonly config: Config;
  readonly input: ConfigInput;
  readonly resolved: ReadonlyMap<SettingName, ResolvedSetting>;
  /** What is wrong with settings, one line each, and which ones it concerns. */
  readonly wrong: readonly WrongSetting[];
  readonly env: Environment;
  /** Of this program. */
  readonly version: string;
  /** How this program was started, without its arguments. */
  readonly program: readonly string[];
  /** Where the kernel tells about itself and its processes. */
  readonly proc: string;
  /** Of the time, in milliseconds since 1970. */
  readonly now: () => number;
  /** The workspace, looked at once for all checks. */
  readonly survey: Survey;
  /** Is told of secrets that are read from files. */
  readonly onSecret: (secret: string) => void;
}

/** What is wrong with any of these settings. Undefined: nothing. */
export function wrongAbout({ wrong }: Subject, ...names: readonly SettingName[]): string | undefined {
  const found = wrong.filter(({ settings }) => settings.some((name) => names.includes(name)));
  return found.length === 0 ? undefined : found.map(({ message }) => message).join("; ");
}

/** How a setting is called where its value came from. */
export function nameOf({ resolved }: Subject, name: SettingName): string {
  return resolved.get(name)?.name ?? name;
}

/** In place of a survey where there is no workspace to look at. */
export function noSurvey(): Survey {
  const none = Promise.reject(new CollectError("WORKSPACE_NOT_FOUND", "There is no workspace."));
  none.catch(() => undefined);
  return { collected: none, covered: none, directories: 0 };
}
