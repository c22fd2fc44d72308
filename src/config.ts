// Every setting, once: flags, environment, defaults, .env.example and `fleet-metadata config` are derived from this table.

import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import * as z from "zod/mini";
import { DEFAULT_TASK_FILE, type Environment } from "./config-environment.ts";
import {
  allowedOrigin,
  coderHosts,
  durationMs,
  hostPattern,
  listenAddress,
  loopbackUrl,
} from "./config-values.ts";

export type { Environment } from "./config-environment.ts";

/** Where the value of a setting came from. */
export type Origin = "flag" | "environment" | "env file" | "default";

/** A setting is wrong: one line that names it, its value, and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

interface Setting<
  S extends z.ZodMiniType<unknown, string | undefined> = z.ZodMiniType<unknown, string | undefined>,
> {
  /** Long flag without its dashes. The variable is FLEET_METADATA_ and the same in upper case. */
  readonly flag: string;
  /** What stands for the value in help texts. Absent: the flag is a switch, the variable true or false. */
  readonly placeholder?: string;
  /** Repeatable flag; the variable holds a list separated by commas. */
  readonly list?: true;
  readonly secret?: true;
  readonly description: string;
  /** How the default reads in help texts, where the value itself does not say it. */
  readonly defaultText?: string;
  /** From text to value; undefined is the default. */
  readonly schema: S;
}

const text = z.optional(z.string());
const path = z.optional(z.string().check(z.minLength(1, { error: "allowed is a path" })));
const list = <T>(element: z.ZodMiniType<T, string>) =>
  z.pipe(
    z.pipe(
      text,
      z.transform((value) => (value === undefined ? [] : value.split(",").map((item) => item.trim()))),
    ),
    z.array(element),
  );
const flagSwitch = z.pipe(
  z.optional(z.enum(["true", "false"])),
  z.transform((value) => value === "true"),
);
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.optional(z.enum(values, { error: `allowed are ${values.join(", ")}` }));
const withDefault = <T extends string>(
  schema: z.ZodMiniType<T | undefined, string | undefined>,
  fallback: T,
) =>
  z.pipe(
    schema,
    z.transform((value) => value ?? fallback),
  );

/** All settings, in the order of help texts. */
export const SETTINGS = {
  workspace: {
    flag: "workspace",
    placeholder: "DIR",
    description: "directory to serve: the repository that it lies in, or those up to two levels below it",
    defaultText: "the working directory",
    schema: path,
  },
  listen: {
    flag: "listen",
    placeholder: "ADDR",
    description: "address to listen on: host:port, :0 for any free port, or unix:PATH",
    defaultText: "127.0.0.1:8000",
    schema: listenAddress,
  },
  token: {
    flag: "token",
    placeholder: "TOKEN",
    secret: true,
    description: "bearer token that clients must send; other users may see flags: prefer --token-file",
    schema: text,
  },
  tokenFile: {
    flag: "token-file",
    placeholder: "PATH",
    description: "file that holds the token",
    schema: path,
  },
  allowUnauthenticated: {
    flag: "allow-unauthenticated",
    description: "listen on an address that is not loopback without a token",
    schema: flagSwitch,
  },
  allowedHosts: {
    flag: "allowed-host",
    placeholder: "HOST",
    list: true,
    description: "host name that requests may be addressed to; *.example.com stands for one or more labels",
    defaultText: "loopback, the address a connection came in on, and Coder's names for this workspace",
    schema: list(hostPattern),
  },
  allowedOrigins: {
    flag: "allowed-origin",
    placeholder: "ORIGIN",
    list: true,
    description:
      "origin of web pages that may read: https://host, https://host:port or https://*.example.com",
    defaultText: "none but the server's own",
    schema: list(allowedOrigin),
  },
  taskFile: {
    flag: "task-file",
    placeholder: "PATH",
    description: "file that says what the coding agent is doing",
    defaultText: DEFAULT_TASK_FILE,
    schema: withDefault(path, DEFAULT_TASK_FILE),
  },
  gitDeadlineMs: {
    flag: "git-deadline",
    placeholder: "DURATION",
    description: "longest time that git may take for one collection, 100ms to 10m",
    defaultText: "5s",
    schema: durationMs({ min: 100, max: 600_000, fallback: 5_000 }),
  },
  noWatch: {
    flag: "no-watch",
    description: "do not follow file events: every read collects anew",
    schema: flagSwitch,
  },
  jsonNames: {
    flag: "json-names",
    placeholder: "STYLE",
    description:
      "spelling of field names on the plain routes: camel (includeInList) or proto (include_in_list)",
    defaultText: "camel",
    schema: withDefault(oneOf(["camel", "proto"]), "camel"),
  },
  logLevel: {
    flag: "log-level",
    placeholder: "LEVEL",
    description: "trace, debug, info, warn, error or silent",
    defaultText: "info",
    schema: withDefault(oneOf(["trace", "debug", "info", "warn", "error", "silent"]), "info"),
  },
  logFormat: {
    flag: "log-format",
    placeholder: "FORMAT",
    description: "json or pretty",
    defaultText: "pretty on a terminal, else json",
    schema: oneOf(["json", "pretty"]),
  },
  url: {
    flag: "url",
    placeholder: "URL",
    description: "server that get and watch ask",
    defaultText: "where --listen says",
    schema: z.optional(
      z.string().check(
        z.refine((value) => /^unix:\/./.test(value) || (URL.canParse(value) && /^https?:/i.test(value)), {
          error: "allowed is http://host:port, https://host:port or unix:/PATH",
        }),
      ),
    ),
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

type Values = { readonly [K in SettingName]: z.output<(typeof SETTINGS)[K]["schema"]> };

/** The settings, valid and whole. */
export interface Config extends Omit<Values, "token" | "tokenFile" | "url" | "workspace"> {
  /** Absolute path of a directory that exists. */
  readonly workspace: string;
  /** From --token or --token-file. */
  readonly token: string | undefined;
  readonly url: string;
}

/** A setting as it was resolved, for display. */
export interface ResolvedSetting {
  readonly setting: Setting;
  /** The text that was given. Undefined: the default holds. */
  readonly text: string | undefined;
  readonly origin: Origin;
}

export interface ConfigInput {
  /** Texts of the flags that were given. */
  readonly flags: Partial<Record<SettingName, string>>;
  readonly env: Environment;
  /** Path of a file of settings, as named by --env-file. */
  readonly envFile: string | undefined;
  readonly cwd: string;
}

/** The variable of a setting. */
export function variableOf({ flag }: Pick<Setting, "flag">): string {
  return `FLEET_METADATA_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * Finds the text of every setting: a flag wins over the environment, that over the file named by --env-file, and an empty
 * variable counts as absent.
 *
 * @throws {ConfigError} when the file of settings cannot be read.
 */
export function resolveSettings({
  flags,
  env,
  envFile,
  cwd,
}: ConfigInput): ReadonlyMap<SettingName, ResolvedSetting> {
  const file = envFile === undefined ? {} : readEnvFile(resolve(cwd, envFile));
  const resolved = new Map<SettingName, ResolvedSetting>();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting: Setting = SETTINGS[name];
    const variable = variableOf(setting);
    const candidates: readonly [Origin, string | undefined][] = [
      ["flag", flags[name]],
      ["environment", env[variable] || undefined],
      ["env file", file[variable] || undefined],
    ];
    const [origin, value] = candidates.find(([, candidate]) => candidate !== undefined) ?? [
      "default",
      undefined,
    ];
    resolved.set(name, { setting, text: value, origin });
  }
  return resolved;
}

/**
 * Makes the configuration.
 *
 * @throws {ConfigError} for the first setting that is wrong.
 */
export function createConfig(input: ConfigInput): Config {
  const resolved = resolveSettings(input);
  const values = Object.fromEntries(
    [...resolved].map(([name, setting]) => [name, parseSetting(setting)]),
  ) as unknown as Values;
  const { token, tokenFile: givenTokenFile, url, workspace, ...rest } = values;
  const tokenFile = givenTokenFile === undefined ? undefined : resolve(input.cwd, givenTokenFile);
  const config: Config = {
    ...rest,
    allowedHosts: [...rest.allowedHosts, ...coderHosts(input.env)],
    taskFile: resolve(input.cwd, rest.taskFile),
    workspace: existingDirectory(resolved, resolve(input.cwd, workspace ?? ".")),
    token: readToken(resolved, token, tokenFile),
    url: url ?? loopbackUrl(rest.listen),
  };
  return config;
}

/**
 * Refuses to serve the world by accident.
 *
 * @throws {ConfigError} when the address is not loopback, and neither a token is set nor its absence allowed.
 */
export function requireSafeListener({ listen, token, allowUnauthenticated }: Config): void {
  if (!listen.isLoopback && token === undefined && !allowUnauthenticated) {
    throw new ConfigError(
      `--listen: "${listen.text}" is not loopback; allowed with --token-file, --token or --allow-unauthenticated`,
    );
  }
}

function parseSetting({ setting, text: value, origin }: ResolvedSetting): unknown {
  const parsed = setting.schema.safeParse(value);
  if (parsed.success) {
    return parsed.data;
  }
  const name = origin === "flag" ? `--${setting.flag}` : variableOf(setting);
  const shown = setting.secret ? "the value" : JSON.stringify(value);
  const place = origin === "env file" ? " (in the file named by --env-file)" : "";
  const allowed =
    setting.placeholder === undefined ? "allowed are true, false" : parsed.error.issues[0]?.message;
  throw new ConfigError(`${name}${place}: ${shown} is not valid; ${allowed}`);
}

function settingName(resolved: ReadonlyMap<SettingName, ResolvedSetting>, name: SettingName): string {
  return resolved.get(name)?.origin === "flag" ? `--${SETTINGS[name].flag}` : variableOf(SETTINGS[name]);
}

function existingDirectory(resolved: ReadonlyMap<SettingName, ResolvedSetting>, path: string): string {
  if (!isDirectory(path)) {
    const name = settingName(resolved, "workspace");
    throw new ConfigError(
      `${name}: ${JSON.stringify(path)} is not valid; allowed is a directory that exists`,
    );
  }
  return path;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function readToken(
  resolved: ReadonlyMap<SettingName, ResolvedSetting>,
  token: string | undefined,
  tokenFile: string | undefined,
): string | undefined {
  if (token !== undefined && tokenFile !== undefined) {
    throw new ConfigError("--token and --token-file are both set; allowed is one of them");
  }
  const found =
    tokenFile === undefined ? token : readFile(settingName(resolved, "tokenFile"), tokenFile).trim();
  if (found !== undefined && !/^[\x21-\x7e]+$/.test(found)) {
    const name = settingName(resolved, tokenFile === undefined ? "token" : "tokenFile");
    throw new ConfigError(
      `${name}: the token is not valid; allowed are one or more visible ASCII characters`,
    );
  }
  return found;
}

function readEnvFile(path: string): Environment {
  return parseEnv(readFile("--env-file", path));
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(
      `${name}: ${JSON.stringify(path)} cannot be read (${code}); allowed is a readable file`,
    );
  }
}
