// Whether there are traces, where they go, and which: from the variables that OpenTelemetry defines for all programs
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Pure.

import { withoutSecrets } from "./config-values.ts";

/** What the variables of OpenTelemetry say. */
export interface NamedTracing {
  /** `OTEL_EXPORTER_OTLP_ENDPOINT` */
  readonly otelEndpoint: string | undefined;
  /** `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` */
  readonly otelTracesEndpoint: string | undefined;
  /** `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, else `OTEL_EXPORTER_OTLP_PROTOCOL` */
  readonly otelProtocol: string | undefined;
  /** `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, else `OTEL_EXPORTER_OTLP_HEADERS` */
  readonly otelHeaders: string | undefined;
  /** `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, else `OTEL_EXPORTER_OTLP_TIMEOUT` */
  readonly otelTimeout: string | undefined;
  /** `OTEL_TRACES_EXPORTER` */
  readonly otelTracesExporter: string | undefined;
  /** `OTEL_SDK_DISABLED` */
  readonly otelDisabled: string | undefined;
  /** `OTEL_SERVICE_NAME` */
  readonly otelServiceName: string | undefined;
  /** `OTEL_RESOURCE_ATTRIBUTES` */
  readonly otelResourceAttributes: string | undefined;
  /** `OTEL_TRACES_SAMPLER` */
  readonly otelSampler: string | undefined;
  /** `OTEL_TRACES_SAMPLER_ARG` */
  readonly otelSamplerArg: string | undefined;
}

/** The ways to choose which traces are recorded. */
export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

export type SamplerName = (typeof SAMPLERS)[number];

export const DEFAULT_SAMPLER: SamplerName = "parentbased_always_on";

/** How traces are made and sent. */
export interface TracingConfig {
  /** Whole, with user and password where it was given any. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time that sending one batch may take, in milliseconds. */
  readonly timeoutMs: number;
  /** With `service.name`. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly sampler: SamplerName;
  /** From 0 to 1. */
  readonly ratio: number;
}

/** How a setting is called where its text came from. */
type NameOf = (setting: keyof NamedTracing) => string;

/** As OpenTelemetry has it. */
const DEFAULT_SENDING_MS = 10_000;
/** Spans that wait longer are of no use to anybody. */
const LONGEST_SENDING_MS = 600_000;

/** A shorter text in a header, such as a number of a tenant, is no secret, and stands in every other line. In characters. */
const SHORTEST_SECRET = 6;

/** What frames a request is ours to say. */
const OUR_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Makes the configuration of traces. What is of no use costs at most the traces, and is warned of: the variables are meant for
 * every program of the workspace, and what another one makes of them is no reason for this one not to start.
 *
 * @returns as `tracing` undefined when there are none to be.
 */
export function tracingConfig(
  named: NamedTracing,
  nameOf: NameOf,
): { readonly tracing: TracingConfig | undefined; readonly warnings: readonly string[] } {
  const isOff = named.otelDisabled?.trim().toLowerCase() === "true";
  if (isOff || (named.otelEndpoint ?? named.otelTracesEndpoint) === undefined) {
    return { tracing: undefined, warnings: [] };
  }
  const warnings: string[] = [];
  const warn = (setting: keyof NamedTracing, allowed: string, consequence: string): void => {
    const text = setting === "otelHeaders" ? undefined : named[setting];
    const shown = text === undefined ? "the value" : JSON.stringify(withoutSecrets(text));
    warnings.push(`${nameOf(setting)}: ${shown} is not valid; allowed ${allowed}; ${consequence}`);
  };
  const isWanted = wantsOtlp(named, warn);
  const url = isWanted ? urlOf(named, warn) : undefined;
  if (url === undefined) {
    return { tracing: undefined, warnings };
  }
  const tracing = {
    url,
    headers: headersOf(named, warn),
    timeoutMs: timeoutOf(named, warn),
    attributes: attributesOf(named, warn),
    ...samplerOf(named, warn),
  };
  return { tracing, warnings };
}

type Warn = (setting: keyof NamedTracing, allowed: string, consequence: string) => void;

const NO_TRACES = "there are no traces";

function wantsOtlp(
  { otelTracesExporter = "otlp", otelProtocol = "http/protobuf" }: NamedTracing,
  warn: Warn,
): boolean {
  const exporters = otelTracesExporter.split(",").map((name) => name.trim());
  if (exporters.includes("none")) {
    return false;
  }
  if (!exporters.includes("otlp")) {
    warn("otelTracesExporter", "are otlp, none", NO_TRACES);
    return false;
  }
  if (otelProtocol.trim() !== "http/protobuf") {
    warn("otelProtocol", "is http/protobuf", NO_TRACES);
    return false;
  }
  return true;
}

function urlOf({ otelEndpoint, otelTracesEndpoint }: NamedTracing, warn: Warn): string | undefined {
  const text = (otelTracesEndpoint ?? otelEndpoint ?? "").trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || /[?#]/.test(text)) {
    const setting = otelTracesEndpoint === undefined ? "otelEndpoint" : "otelTracesEndpoint";
    warn(setting, "is http://host:port/path or https://host:port/path, without query", NO_TRACES);
    return undefined;
  }
  if (otelTracesEndpoint === undefined) {
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  }
  return url.href;
}

function headersOf({ otelHeaders = "" }: NamedTracing, warn: Warn): Record<string, string> {
  const { pairs, isWhole } = pairsOf(otelHeaders);
  const headers = pairs.filter(
    ([name, value]) =>
      /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
      /^[\t\x20-\x7e]*$/.test(value) &&
      !OUR_HEADERS.has(name.toLowerCase()),
  );
  if (!isWhole || headers.length < pairs.length) {
    warn("otelHeaders", "are name=value pairs, percent-encoded, with commas between", "the others are sent");
  }
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

function timeoutOf({ otelTimeout }: NamedTracing, warn: Warn): number {
  const ms = otelTimeout === undefined ? DEFAULT_SENDING_MS : Number(otelTimeout.trim() || Number.NaN);
  if (!(ms >= 1 && ms <= LONGEST_SENDING_MS)) {
    const allowed = `are 1 to ${LONGEST_SENDING_MS} milliseconds`;
    warn("otelTimeout", allowed, `it is ${DEFAULT_SENDING_MS}`);
    return DEFAULT_SENDING_MS;
  }
  return ms;
}

function attributesOf(
  { otelResourceAttributes = "", otelServiceName }: NamedTracing,
  warn: Warn,
): Record<string, string> {
  const { pairs, isWhole } = pairsOf(otelResourceAttributes);
  if (!isWhole) {
    // As OpenTelemetry has it.
    const allowed = "are name=value pairs, percent-encoded, with commas between";
    warn("otelResourceAttributes", allowed, "none of them counts");
  }
  return {
    "service.name": "fleet-metadata",
    ...(isWhole && Object.fromEntries(pairs)),
    ...(otelServiceName !== undefined && { "service.name": otelServiceName }),
  };
}

function samplerOf(
  { otelSampler = DEFAULT_SAMPLER, otelSamplerArg }: NamedTracing,
  warn: Warn,
): Pick<TracingConfig, "sampler" | "ratio"> {
  const sampler = SAMPLERS.find((name) => name === otelSampler.trim());
  if (sampler === undefined) {
    warn("otelSampler", `are ${SAMPLERS.join(", ")}`, `it is ${DEFAULT_SAMPLER}`);
  }
  const ratio = otelSamplerArg === undefined ? 1 : Number(otelSamplerArg.trim() || Number.NaN);
  const isRatio = ratio >= 0 && ratio <= 1;
  if (!isRatio && sampler?.includes("ratio")) {
    warn("otelSamplerArg", "are 0 to 1", "it is 1");
  }
  return { sampler: sampler ?? DEFAULT_SAMPLER, ratio: isRatio ? ratio : 1 };
}

/** `a=b,c=d`, percent-encoded. @returns as `isWhole` false when something in it is not that. */
function pairsOf(text: string): { readonly pairs: (readonly [string, string])[]; readonly isWhole: boolean } {
  const parts = text.split(",").filter((part) => part.trim() !== "");
  const pairs = parts.flatMap((part) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(part) ?? [];
    const decoded = [name, value].map((each) => (each === undefined ? undefined : decode(each.trim())));
    return decoded[0] === undefined || decoded[1] === undefined ? [] : [[decoded[0], decoded[1]] as const];
  });
  return { pairs, isWhole: pairs.length === parts.length };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What must not be repeated anywhere: values of headers, what follows a word such as Bearer in them, the address's password. */
export function tracingSecrets({ headers, url }: TracingConfig): string[] {
  const { username, password } = new URL(url);
  const values = Object.values(headers);
  const words = values.flatMap((value) => value.split(" ").slice(1));
  const ofUrl = [username, password].flatMap((part) => [part, decode(part) ?? ""]);
  return [...values, ...words, ...ofUrl].filter(({ length }) => length >= SHORTEST_SECRET);
}
