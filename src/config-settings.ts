// Every setting, once: flags, variables, defaults, .env.example and `fleet-metadata config` are derived from this table.

import * as z from "zod/mini";
import { DEFAULT_TASK_FILE } from "./config-environment.ts";
import { DEFAULT_SAMPLER, SAMPLERS } from "./config-tracing.ts";
import {
  allowedOrigin,
  durationMs,
  hostName,
  hostPattern,
  listenAddress,
  serviceUrl,
  trustedUrl,
  VISIBLE,
} from "./config-values.ts";

/** One setting. */
export interface Setting<
  S extends z.ZodMiniType<unknown, string | undefined> = z.ZodMiniType<unknown, string | undefined>,
> {
  /** Long flag without its dashes. Absent: there are only {@link variables}. */
  readonly flag?: string;
  /** The first of these that is set counts. Absent: FLEET_METADATA_ and the flag in upper case. */
  readonly variables?: readonly [string, ...string[]];
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
    description: "file that holds a session token for Coder; it may be replaced at any time",
    defaultText: "the token in CODER_SESSION_TOKEN, else Coder is not asked",
    schema: path,
  },
  githubToken: {
    variables: ["GITHUB_TOKEN", "GH_TOKEN"],
    placeholder: "TOKEN",
    secret: true,
    description: "token that GitHub is asked with; without one, public repositories can be read, seldom",
    defaultText: "none",
    schema: z.pipe(
      text,
      z.optional(
        z
          .string()
          .check(z.trim(), z.regex(VISIBLE, { error: "allowed are one or more visible ASCII characters" })),
      ),
    ),
  },
  githubTokenFile: {
    flag: "github-token-file",
    placeholder: "PATH",
    description:
      "file that holds the token for GitHub, and outranks GITHUB_TOKEN; read again when it changes, and at SIGHUP",
    defaultText: "none",
    schema: path,
  },
  githubHost: {
    variables: ["GH_HOST"],
    placeholder: "HOST",
    description: "GitHub server whose repositories count; no repository ever names it",
    defaultText: "that of GITHUB_SERVER_URL, else github.com",
    schema: hostName,
  },
  githubServerUrl: {
    variables: ["GITHUB_SERVER_URL"],
    placeholder: "URL",
    description: "address of that server, where GH_HOST does not name it",
    defaultText: "https://github.com",
    schema: trustedUrl,
  },
  githubApiUrl: {
    variables: ["GITHUB_API_URL"],
    placeholder: "URL",
    description: "where the API of that server is, and the only address that the token is sent to",
    defaultText: "https://api.github.com, on another server https://HOST/api/v3",
    schema: trustedUrl,
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
  // Those of OpenTelemetry are meant for every program of the workspace: whatever they say, it is no reason not to start. So all
  // texts are taken, and config-tracing.ts says which of them are of no use.
  otelEndpoint: {
    variables: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
    placeholder: "URL",
    description: "address of an OpenTelemetry collector; spans go to /v1/traces below it",
    defaultText: "none: there are no traces",
    schema: text,
  },
  otelTracesEndpoint: {
    variables: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"],
    placeholder: "URL",
    description: "address that spans go to, as it is; outranks OTEL_EXPORTER_OTLP_ENDPOINT",
    defaultText: "none",
    schema: text,
  },
  otelProtocol: {
    variables: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    placeholder: "PROTOCOL",
    description: "how spans are sent; with another one than http/protobuf there are no traces",
    defaultText: "http/protobuf",
    schema: text,
  },
  otelHeaders: {
    variables: ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    placeholder: "NAME=VALUE,...",
    secret: true,
    description: "headers that are sent with spans, percent-encoded",
    defaultText: "none",
    schema: text,
  },
  otelTimeout: {
    variables: ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    placeholder: "MILLISECONDS",
    description: "longest time that sending a batch of spans may take, 1 to 600000",
    defaultText: "10000",
    schema: text,
  },
  otelTracesExporter: {
    variables: ["OTEL_TRACES_EXPORTER"],
    placeholder: "NAME",
    description: "otlp, or none for no traces",
    defaultText: "otlp",
    schema: text,
  },
  otelDisabled: {
    variables: ["OTEL_SDK_DISABLED"],
    placeholder: "BOOLEAN",
    description: "true: there are no traces",
    defaultText: "false",
    schema: text,
  },
  otelServiceName: {
    variables: ["OTEL_SERVICE_NAME"],
    placeholder: "NAME",
    description: "what traces call this program",
    defaultText: "service.name of OTEL_RESOURCE_ATTRIBUTES, else fleet-metadata",
    schema: text,
  },
  otelResourceAttributes: {
    variables: ["OTEL_RESOURCE_ATTRIBUTES"],
    placeholder: "NAME=VALUE,...",
    description: "what else every trace says of this program, percent-encoded",
    defaultText: "none",
    schema: text,
  },
  otelSampler: {
    variables: ["OTEL_TRACES_SAMPLER"],
    placeholder: "NAME",
    description: `which traces are recorded: ${SAMPLERS.join(", ")}`,
    defaultText: DEFAULT_SAMPLER,
    schema: text,
  },
  otelSamplerArg: {
    variables: ["OTEL_TRACES_SAMPLER_ARG"],
    placeholder: "RATIO",
    description: "how many of them for the samplers named after a ratio, 0 to 1",
    defaultText: "1",
    schema: text,
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

/** What each setting's text means. */
export type Values = { readonly [K in SettingName]: z.output<(typeof SETTINGS)[K]["schema"]> };

/** The variables of a setting: the first one that is set counts. */
export function variablesOf({ flag = "", variables }: Setting): readonly [string, ...string[]] {
  return variables ?? [`FLEET_METADATA_${flag.toUpperCase().replaceAll("-", "_")}`];
}
