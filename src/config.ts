// From flags, environment and a file of settings to one valid configuration.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Environment } from "./config-environment.ts";
import { readConfigFile } from "./config-file.ts";
import { type GitHubAddress, gitHubAddress, type NamedGitHub } from "./config-github.ts";
import { SETTINGS, type Setting, type SettingName, type Values, variablesOf } from "./config-settings.ts";
import { checkTlsIdentity, type TlsIdentity } from "./config-tls.ts";
import { type NamedTracing, type TracingConfig, tracingConfig } from "./config-tracing.ts";
import { coderHosts, loopbackUrl, VISIBLE, withoutPassword } from "./config-values.ts";

export type { Environment } from "./config-environment.ts";

/** Where the value of a setting came from. */
export type Origin = "flag" | "environment" | "env file" | "default";

/** A setting is wrong: one line that names it, its value, and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The settings of which at least one is wrong. Empty: what is wrong is no setting by itself. */
  readonly settings: readonly SettingName[];

  constructor(message: string, settings: readonly SettingName[] = []) {
    super(message);
    this.settings = settings;
  }
}

/** One is nothing without the other. */
const TLS_SETTINGS: readonly SettingName[] = ["tlsCert", "tlsKey"];

/** The settings, valid and whole. */
export interface Config
  extends Omit<
    Values,
    | "token"
    | "tokenFile"
    | "tlsCert"
    | "tlsKey"
    | "url"
    | "workspace"
    | "githubToken"
    | "githubTokenFile"
    | "githubHost"
    | "githubServerUrl"
    | "githubApiUrl"
    | keyof NamedTracing
  > {
  /** Absolute path of a directory that exists. */
  readonly workspace: string;
  /** From --token or --token-file. */
  readonly token: string | undefined;
  /** Absolute path of a file that held a token at the start. */
  readonly coderTokenFile: string | undefined;
  /** From --tls-cert and --tls-key. Undefined: cleartext. */
  readonly tls: TlsIdentity | undefined;
  readonly url: string;
  readonly github: GitHubConfig;
  /** Undefined: there are no traces. */
  readonly tracing: TracingConfig | undefined;
  /** What of the settings of traces is of no use, for a person: one line each, without secrets. */
  readonly tracingWarnings: readonly string[];
}

/** Which GitHub server is asked, and with what. */
export interface GitHubConfig extends GitHubAddress {
  readonly token: string | undefined;
  /** Absolute path of the file that holds the token instead. It need not exist yet. */
  readonly tokenFile: string | undefined;
}

/** A setting as it was resolved, for display. */
export interface ResolvedSetting {
  readonly setting: Setting;
  /** The text that was given. Undefined: the default holds. */
  readonly text: string | undefined;
  readonly origin: Origin;
  /** The flag or variable that it came from, or would come from. */
  readonly name: string;
}

export interface ConfigInput {
  /** Texts of the flags that were given. */
  readonly flags: Partial<Record<SettingName, string>>;
  readonly env: Environment;
  /** Path of a file of settings, as named by --env-file. */
  readonly envFile: string | undefined;
  readonly cwd: string;
}

/**
 * Finds the text of every setting: a flag wins over the environment, that over the file named by --env-file, and an empty
 * variable counts as absent.
 *
 * @throws {ConfigError} when the file of settings cannot be read.
 */
export function resolveSettings(input: ConfigInput): ReadonlyMap<SettingName, ResolvedSetting> {
  const { flags, env } = input;
  const file = envFileOf(input);
  const resolved = new Map<SettingName, ResolvedSetting>();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting: Setting = SETTINGS[name];
    const variables = variablesOf(setting);
    const candidates: readonly (readonly [Origin, string, string | undefined])[] = [
      ["flag", `--${setting.flag}`, flags[name]],
      ...variables.map((variable) => ["environment", variable, env[variable] || undefined] as const),
      ...variables.map((variable) => ["env file", variable, file[variable] || undefined] as const),
    ];
    const [origin, source, value] = candidates.find(([, , candidate]) => candidate !== undefined) ?? [
      "default",
      variables[0],
      undefined,
    ];
    resolved.set(name, { setting, text: value, origin, name: source });
  }
  return resolved;
}

/** What the file of settings says; nothing where none is named. @throws {ConfigError} when it cannot be read. */
export function envFileOf({ envFile, cwd }: Pick<ConfigInput, "envFile" | "cwd">): Environment {
  return envFile === undefined ? {} : parseEnv(readFile("--env-file", resolve(cwd, envFile)));
}

/**
 * Makes the configuration.
 *
 * @param without settings that are taken as if they had not been given.
 * @throws {ConfigError} for the first setting that is wrong.
 */
export function createConfig(input: ConfigInput, without: ReadonlySet<SettingName> = new Set()): Config {
  const resolved = new Map(
    [...resolveSettings(input)].map(([name, setting]) => [
      name,
      without.has(name) ? { ...setting, text: undefined } : setting,
    ]),
  );
  const values = Object.fromEntries(
    [...resolved].map(([name, setting]) => [name, parseSetting(name, setting)]),
  ) as unknown as Values;
  const { token, tokenFile, coderTokenFile, tlsCert, tlsKey, url, workspace, ...others } = values;
  const { githubToken, githubTokenFile, githubHost, githubServerUrl, githubApiUrl, ...untraced } = others;
  const rest = withoutTracing(untraced);
  const { tracing, warnings } = tracingConfig(values, (name) => nameOf(resolved, name));
  if (token !== undefined && tokenFile !== undefined) {
    throw new ConfigError("--token and --token-file are both set; allowed is one of them", [
      "token",
      "tokenFile",
    ]);
  }
  if (tlsCert !== undefined && "path" in rest.listen.address) {
    throw new ConfigError(
      `--tls-cert: TLS is for --listen host:port; allowed is to leave it out on a Unix socket, which others can reach only by its file's permissions`,
      TLS_SETTINGS,
    );
  }
  const fromFile = (name: "tokenFile" | "coderTokenFile", file: string | undefined): string | undefined =>
    file === undefined
      ? undefined
      : sendable(resolved, name, readFile(nameOf(resolved, name), resolve(input.cwd, file), [name]).trim());
  // It is read anew when it is used. What is wrong with it at the start is said at once.
  fromFile("coderTokenFile", coderTokenFile);
  const tls = readTls(resolved, input.cwd, tlsCert, tlsKey);
  const config: Config = {
    ...rest,
    tls,
    allowedHosts: [...rest.allowedHosts, ...coderHosts(input.env)],
    taskFile: resolve(input.cwd, rest.taskFile),
    workspace: existingDirectory(resolved, resolve(input.cwd, workspace ?? ".")),
    token: sendable(resolved, "token", token) ?? fromFile("tokenFile", tokenFile),
    coderTokenFile: coderTokenFile === undefined ? undefined : resolve(input.cwd, coderTokenFile),
    url: url ?? loopbackUrl(rest.listen, tls === undefined ? "http" : "https"),
    github: {
      ...addressOf({ host: githubHost, serverUrl: githubServerUrl, apiUrl: githubApiUrl }),
      token: githubToken,
      tokenFile: githubTokenFile === undefined ? undefined : resolve(input.cwd, githubTokenFile),
    },
    tracing,
    tracingWarnings: warnings,
  };
  return config;
}

/** The settings that are not made into one by {@link tracingConfig}. */
function withoutTracing<T extends NamedTracing>(values: T): Omit<T, keyof NamedTracing> {
  const others = Object.entries(values).filter(([name]) => !name.startsWith("otel"));
  return Object.fromEntries(others) as Omit<T, keyof NamedTracing>;
}

function addressOf(named: NamedGitHub): GitHubAddress {
  const address = gitHubAddress(named);
  if (address === undefined) {
    throw new ConfigError(
      `GITHUB_API_URL: "${named.apiUrl}" is not valid beside another server than github.com; allowed is that server's API`,
      ["githubApiUrl"],
    );
  }
  return address;
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

function parseSetting(
  settingName: SettingName,
  { setting, text: value, origin, name }: ResolvedSetting,
): unknown {
  const parsed = setting.schema.safeParse(value);
  if (parsed.success) {
    return parsed.data;
  }
  const shown = setting.secret ? "the value" : JSON.stringify(value && withoutPassword(value));
  const place = origin === "env file" ? " (in the file named by --env-file)" : "";
  const allowed =
    setting.placeholder === undefined ? "allowed are true, false" : parsed.error.issues[0]?.message;
  throw new ConfigError(`${name}${place}: ${shown} is not valid; ${allowed}`, [settingName]);
}

/** How a setting is called where its value came from. */
function nameOf(resolved: ReadonlyMap<SettingName, ResolvedSetting>, name: SettingName): string {
  return resolved.get(name)?.name ?? variablesOf(SETTINGS[name])[0];
}

function existingDirectory(resolved: ReadonlyMap<SettingName, ResolvedSetting>, path: string): string {
  if (!isDirectory(path)) {
    const name = nameOf(resolved, "workspace");
    throw new ConfigError(
      `${name}: ${JSON.stringify(path)} is not valid; allowed is a directory that exists`,
      ["workspace"],
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
function sendable(
  resolved: ReadonlyMap<SettingName, ResolvedSetting>,
  name: SettingName,
  token: string | undefined,
): string | undefined {
  if (token !== undefined && !VISIBLE.test(token)) {
    throw new ConfigError(
      `${nameOf(resolved, name)}: the token is not valid; allowed are one or more visible ASCII characters`,
      [name],
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
    throw new ConfigError(
      `${missing} is missing; allowed are --tls-cert and --tls-key together, or neither`,
      TLS_SETTINGS,
    );
  }
  const names = { cert: nameOf(resolved, "tlsCert"), key: nameOf(resolved, "tlsKey") };
  const paths = { cert: resolve(cwd, cert), key: resolve(cwd, key) };
  const tls = {
    cert: readFile(names.cert, paths.cert, TLS_SETTINGS),
    key: readFile(names.key, paths.key, TLS_SETTINGS),
  };
  const wrong = checkTlsIdentity(tls);
  if (wrong) {
    const allowed = wrong.of === "cert" ? "a PEM certificate" : "the PEM private key of the certificate";
    throw new ConfigError(
      `${names[wrong.of]}: ${JSON.stringify(paths[wrong.of])} ${wrong.problem}; allowed is ${allowed}`,
      TLS_SETTINGS,
    );
  }
  return tls;
}

function readFile(name: string, path: string, settings: readonly SettingName[] = []): string {
  const reading = readConfigFile(path);
  if ("bytes" in reading) {
    return reading.bytes.toString("utf8");
  }
  throw new ConfigError(
    `${name}: ${JSON.stringify(path)} cannot be read (${reading.why}); allowed is a readable file`,
    settings,
  );
}
