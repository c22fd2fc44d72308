// Every setting, once: flags, environment, defaults, .env.example and `fleet-metadata config` are derived from this table.

import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import * as z from "zod/mini";
import { DEFAULT_TASK_FILE, type Environment } from "./config-environment.ts";
import { checkTlsIdentity, type TlsIdentity } from "./config-tls.ts";
import {
  allowedOrigin,
  coderHosts,
  durationMs,
  hostPattern,
  listenAddress,
  loopbackUrl,
  serviceUrl,
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

const AGENTAPI_FORMS = "allowed is http://host:port, https://host:port or none";

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
  tlsCert: {
    flag: "tls-cert",
    placeholder: "PATH",
    description: "PEM file with the certificate to serve TLS with, and those that lead to its root",
    defaultText: "cleartext",
    schema: path,
  },
  tlsKey: {
    flag: "tls-key",
    placeholder: "PATH",
    description: "PEM file with the certificate's private key, without passphrase",
    schema: path,
  },
  taskFile: {
    flag: "task-file",
    placeholder: "PATH",
    description: "file that says what the coding agent is doing",
    defaultText: DEFAULT_TASK_FILE,
    schema: withDefault(path, DEFAULT_TASK_FILE),
  },
  taskStaleAfterMs: {
    flag: "task-stale-after",
    placeholder: "DURATION",
    description: "a task file that says running and was not updated for longer is stale, 1s to 1440m",
    defaultText: "15m",
    schema: durationMs({ min: 1_000, max: 86_400_000, fallback: 900_000 }),
  },
  agentapiUrl: {
    flag: "agentapi-url",
    placeholder: "URL",
    description: "address of the coding agent's AgentAPI, or none",
    defaultText: "http://127.0.0.1:3284 in a Coder workspace, else none",
    schema: z.optional(z.union([z.literal("none"), serviceUrl], { error: AGENTAPI_FORMS })),
  },
  coderUrl: {
    flag: "coder-url",
    placeholder: "URL",
    description: "address of the Coder server that is asked for the state of the agent's task",
    defaultText: "CODER_URL, else CODER_AGENT_URL",
    schema: z.optional(serviceUrl),
  },
  coderTokenFile: {
    flag: "coder-token-file",
    placeholder: "PATH",
    description: "file that holds a session token for Coder",
    defaultText: "the token in CODER_SESSION_TOKEN, else Coder is not asked",
    schema: path,
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
export interface Config
  extends Omit<
    Values,
    "token" | "tokenFile" | "coderTokenFile" | "tlsCert" | "tlsKey" | "url" | "workspace"
  > {
  /** Absolute path of a directory that exists. */
  readonly workspace: string;
  /** From --token or --token-file. */
  readonly token: string | undefined;
  /** From --coder-token-file. */
  readonly coderToken: string | undefined;
  /** From --tls-cert and --tls-key. Undefined: cleartext. */
  readonly tls: TlsIdentity | undefined;
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
  const { token, tokenFile, coderTokenFile, tlsCert, tlsKey, url, workspace, ...rest } = values;
  if (token !== undefined && tokenFile !== undefined) {
    throw new ConfigError("--token and --token-file are both set; allowed is one of them");
  }
  if (tlsCert !== undefined && "path" in rest.listen.address) {
    throw new ConfigError(
      `--tls-cert: TLS is for --listen host:port; allowed is to leave it out on a Unix socket, which others can reach only by its file's permissions`,
    );
  }
  const fromFile = (name: "tokenFile" | "coderTokenFile", file: string | undefined): string | undefined =>
    file === undefined ? undefined : readFile(settingName(resolved, name), resolve(input.cwd, file)).trim();
  const tls = readTls(resolved, input.cwd, tlsCert, tlsKey);
  const config: Config = {
    ...rest,
    tls,
    allowedHosts: [...rest.allowedHosts, ...coderHosts(input.env)],
    taskFile: resolve(input.cwd, rest.taskFile),
    workspace: existingDirectory(resolved, resolve(input.cwd, workspace ?? ".")),
    token: sendable(
      settingName(resolved, tokenFile === undefined ? "token" : "tokenFile"),
      token ?? fromFile("tokenFile", tokenFile),
    ),
    coderToken: sendable(settingName(resolved, "coderTokenFile"), fromFile("coderTokenFile", coderTokenFile)),
    url: url ?? loopbackUrl(rest.listen, tls === undefined ? "http" : "https"),
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

/** The token, if it can be sent in a header. */
function sendable(name: string, token: string | undefined): string | undefined {
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigError(
      `${name}: the token is not valid; allowed are one or more visible ASCII characters`,
    );
  }
  return token;
}

function readTls(
  resolved: ReadonlyMap<SettingName, ResolvedSetting>,
  cwd: string,
  cert: string | undefined,
  key: string | undefined,
): TlsIdentity | undefined {
  if (cert === undefined && key === undefined) {
    return undefined;
  }
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? "--tls-cert" : "--tls-key";
    throw new ConfigError(`${missing} is missing; allowed are --tls-cert and --tls-key together, or neither`);
  }
  const names = { cert: settingName(resolved, "tlsCert"), key: settingName(resolved, "tlsKey") };
  const paths = { cert: resolve(cwd, cert), key: resolve(cwd, key) };
  const tls = { cert: readFile(names.cert, paths.cert), key: readFile(names.key, paths.key) };
  const wrong = checkTlsIdentity(tls);
  if (wrong) {
    const allowed = wrong.of === "cert" ? "a PEM certificate" : "the PEM private key of the certificate";
    throw new ConfigError(
      `${names[wrong.of]}: ${JSON.stringify(paths[wrong.of])} ${wrong.problem}; allowed is ${allowed}`,
    );
  }
  return tls;
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
