// Reading the settings again while the server runs: what may change without a restart, and what becomes of what is wrong.
// A process keeps the flags and the environment that it was started with: what can differ is the file named by --env-file, and
// the files that settings name.

import { isDeepStrictEqual } from "node:util";
import {
  type Config,
  ConfigError,
  type ConfigInput,
  createConfig,
  type ResolvedSetting,
  requireSafeListener,
  resolveSettings,
} from "./config.ts";
import type { SettingName } from "./config-settings.ts";

/** A configuration, and the texts that it was made from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly resolved: ReadonlyMap<SettingName, ResolvedSetting>;
}

/** What came of reading the settings again. Names are those of the places where the values stand. */
export interface Reread {
  /** What is in force from now on. */
  readonly loaded: LoadedConfig;
  /** Settings with another value than before, which is in force now. */
  readonly changed: readonly string[];
  /** Settings with another value than before, which counts from the next start on. */
  readonly waiting: readonly string[];
  /** What is wrong, one line each; what it is about stays as it was. */
  readonly refused: readonly string[];
}

/** Settings that a running server takes over together or not at all. */
interface Group {
  readonly names: readonly SettingName[];
  /** The running configuration with the new values. */
  take(running: Config, next: Config): Config;
}

const GROUPS: readonly Group[] = [
  {
    names: ["token", "tokenFile", "allowUnauthenticated"],
    take: (running, { token, allowUnauthenticated }) => ({ ...running, token, allowUnauthenticated }),
  },
  { names: ["allowedHosts"], take: (running, { allowedHosts }) => ({ ...running, allowedHosts }) },
  { names: ["allowedOrigins"], take: (running, { allowedOrigins }) => ({ ...running, allowedOrigins }) },
  {
    names: ["tlsCert", "tlsKey"],
    // A port that speaks TLS goes on to speak it, and one that does not begins with the next start.
    take: (running, { tls }) => (running.tls && tls ? { ...running, tls } : running),
  },
  {
    names: ["githubToken"],
    take: (running, { github: { token } }) => ({ ...running, github: { ...running.github, token } }),
  },
  {
    names: ["githubTokenFile"],
    take: (running, { github: { tokenFile } }) => ({ ...running, github: { ...running.github, tokenFile } }),
  },
  { names: ["logLevel"], take: (running, { logLevel }) => ({ ...running, logLevel }) },
];

/** The configuration with the texts that it was made from. @throws {ConfigError} when a setting is wrong. */
export function loadConfig(input: ConfigInput): LoadedConfig {
  return { config: createConfig(input), resolved: resolveSettings(input) };
}

/** Reads everything again. What a person can get wrong is refused, and not thrown. */
export function rereadConfig(input: ConfigInput, running: LoadedConfig): Reread {
  const wrong: WrongSetting[] = [];
  try {
    const config = readWithoutWrong(input, wrong);
    return takeOver({ config, resolved: resolveSettings(input) }, wrong, running);
  } catch (error) {
    if (error instanceof ConfigError) {
      return { loaded: running, changed: [], waiting: [], refused: [error.message] };
    }
    throw error;
  }
}

function takeOver(next: LoadedConfig, wrong: readonly WrongSetting[], running: LoadedConfig): Reread {
  const refused = wrong.map(({ message }) => message);
  const left = new Set(wrong.flatMap(({ settings }) => settings));
  let { config } = running;
  const resolved = new Map(running.resolved);
  const changed: string[] = [];
  for (const { names, take } of GROUPS) {
    const candidate = names.some((name) => left.has(name)) ? config : take(config, next.config);
    if (isDeepStrictEqual(candidate, config)) {
      continue;
    }
    const problem = problemOf(candidate);
    if (problem === undefined) {
      config = candidate;
      changed.push(...namesOf(names, running.resolved, next.resolved));
    } else {
      refused.push(problem);
    }
    for (const name of names) {
      if (problem === undefined) {
        copy(name, next.resolved, resolved);
      } else {
        left.add(name);
      }
    }
  }
  const waiting = [...next.resolved].filter(
    ([name, { text }]) => !left.has(name) && text !== resolved.get(name)?.text,
  );
  return {
    loaded: { config, resolved },
    changed,
    waiting: waiting.map(([, { name }]) => name),
    refused,
  };
}

/** Why it must not be taken over. */
function problemOf(config: Config): string | undefined {
  try {
    requireSafeListener(config);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.message;
    }
    throw error;
  }
}

/** Where the new values of a group stand: the settings that say something else than before, or whose files do. */
function namesOf(
  names: readonly SettingName[],
  before: LoadedConfig["resolved"],
  after: LoadedConfig["resolved"],
): string[] {
  const given = names.map((name) => ({ before: before.get(name), after: after.get(name) }));
  const others = given.filter((setting) => setting.before?.text !== setting.after?.text);
  const meant = others.length > 0 ? others : given.filter((setting) => setting.after?.text !== undefined);
  return meant.flatMap((setting) => setting.after?.name ?? []);
}

function copy(
  name: SettingName,
  from: LoadedConfig["resolved"],
  to: Map<SettingName, ResolvedSetting>,
): void {
  const setting = from.get(name);
  if (setting !== undefined) {
    to.set(name, setting);
  }
}

/** Something that is wrong, in one line, and the settings that it concerns. */
export interface WrongSetting {
  readonly message: string;
  readonly settings: readonly SettingName[];
}

/**
 * The configuration as if the settings that are wrong had not been given.
 *
 * @param wrong gets what is wrong.
 * @throws {ConfigError} when that would not help: the file named by --env-file cannot be read.
 */
export function readWithoutWrong(input: ConfigInput, wrong: WrongSetting[]): Config {
  const without = new Set<SettingName>();
  for (;;) {
    try {
      return createConfig(input, without);
    } catch (error) {
      const known = without.size;
      if (error instanceof ConfigError) {
        for (const name of error.settings) {
          without.add(name);
        }
      }
      if (!(error instanceof ConfigError) || without.size === known) {
        throw error;
      }
      wrong.push({ message: error.message, settings: error.settings });
    }
  }
}
