import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createConfig } from "../src/config.ts";
import { tracingSecrets } from "../src/config-tracing.ts";

const HERE = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

function choice(env: Readonly<Record<string, string>>) {
  const { tracing, tracingWarnings } = createConfig({ flags: {}, env, envFile: undefined, cwd: "/" });
  return { tracing, warnings: tracingWarnings };
}

function tracing(env: Readonly<Record<string, string>>) {
  const { tracing: made, warnings } = choice({ ...HERE, ...env });
  expect(warnings).toEqual([]);
  if (made === undefined) {
    throw new Error("there are no traces");
  }
  return made;
}

describe("the settings of traces", () => {
  it("make none without an address", () => {
    expect(choice({})).toEqual({ tracing: undefined, warnings: [] });
    expect(choice({ OTEL_TRACES_SAMPLER: "nonsense", OTEL_SERVICE_NAME: "other" })).toEqual({
      tracing: undefined,
      warnings: [],
    });
  });

  it.each([
    ["OTEL_SDK_DISABLED", "true"],
    ["OTEL_SDK_DISABLED", "TRUE"],
    ["OTEL_TRACES_EXPORTER", "none"],
  ])("make none, and warn of nothing, with %s=%s", (name, value) => {
    expect(choice({ ...HERE, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", [name]: value })).toEqual({
      tracing: undefined,
      warnings: [],
    });
  });

  it("have defaults", () => {
    expect(tracing({})).toEqual({
      url: "http://127.0.0.1:4318/v1/traces",
      headers: {},
      timeoutMs: 10_000,
      attributes: { "service.name": "fleet-metadata" },
      sampler: "parentbased_always_on",
      ratio: 1,
    });
    expect(tracing({ OTEL_SDK_DISABLED: "false", OTEL_TRACES_EXPORTER: "otlp,console" })).toBeDefined();
  });

  it.each([
    ["http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"],
    ["https://c.example/otlp", "https://c.example/otlp/v1/traces"],
    ["https://c.example/otlp//", "https://c.example/otlp/v1/traces"],
    ["http://u:p@c.example", "http://u:p@c.example/v1/traces"],
  ])("put the path behind the address of a collector: %s", (endpoint, url) => {
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).url).toBe(url);
  });

  it("take the address of traces as it is, before that of the collector", () => {
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c.example/here" };
    expect(tracing(env).url).toBe("https://c.example/here");
    expect(choice(env).tracing?.url).toBe("https://c.example/here");
  });

  it("read what else is known", () => {
    expect(
      tracing({
        OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Bearer%20s3cret, x-tenant=7",
        OTEL_EXPORTER_OTLP_TIMEOUT: "500",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=other,team=a%2Cb",
        OTEL_TRACES_SAMPLER: "traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.25",
      }),
    ).toEqual({
      url: "http://127.0.0.1:4318/v1/traces",
      headers: { authorization: "Bearer s3cret", "x-tenant": "7" },
      timeoutMs: 500,
      attributes: { "service.name": "other", team: "a,b" },
      sampler: "traceidratio",
      ratio: 0.25,
    });
    const env = { OTEL_RESOURCE_ATTRIBUTES: "service.name=other", OTEL_SERVICE_NAME: "mine" };
    expect(tracing(env).attributes).toEqual({ "service.name": "mine" });
    const ofTraces = { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "7", OTEL_EXPORTER_OTLP_TIMEOUT: "8" };
    expect(tracing(ofTraces).timeoutMs).toBe(7);
  });

  it.each([
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "allowed is http"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317", "allowed is http"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c.example/?key=s3cret", "without query"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http//u:s3cret@c.example", "allowed is http"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "allowed is http/protobuf"],
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "allowed is http/protobuf"],
    ["OTEL_TRACES_EXPORTER", "zipkin", "allowed are otlp, none"],
  ])(
    "are no reason not to start: with %s=%s there are no traces, and one line says why",
    (name, value, allowed) => {
      const { tracing: made, warnings } = choice({ ...HERE, [name]: value });
      expect(made).toBeUndefined();
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(`${name}: `);
      expect(warnings[0]).toContain(allowed);
      expect(warnings[0]).toContain("there are no traces");
      expect(warnings[0]).not.toMatch(/s3cret|\n/);
    },
  );

  it.each([
    ["OTEL_EXPORTER_OTLP_HEADERS", "s3cret", { headers: {} }],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=%zz", { headers: { a: "1" } }],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=1,content-length=5,b c=s3cret,d=%0a", { headers: { a: "1" } }],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "soon", { timeoutMs: 10_000 }],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "0", { timeoutMs: 10_000 }],
    ["OTEL_RESOURCE_ATTRIBUTES", "team=a,nonsense", { attributes: { "service.name": "fleet-metadata" } }],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote", { sampler: "parentbased_always_on" }],
  ])("cost no traces when %s=%s is of no use", (name, value, expected) => {
    const { tracing: made, warnings } = choice({ ...HERE, [name]: value });
    expect(made).toMatchObject(expected);
    if ("headers" in expected) {
      expect(made?.headers).toEqual(expected.headers);
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`${name}: `);
    expect(warnings[0]).not.toMatch(/s3cret|\n/);
  });

  it("count a ratio only for samplers that are named after one", () => {
    expect(tracing({ OTEL_TRACES_SAMPLER_ARG: "nonsense" }).ratio).toBe(1);
    const { tracing: made, warnings } = choice({
      ...HERE,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "2",
    });
    expect(made).toMatchObject({ sampler: "parentbased_traceidratio", ratio: 1 });
    expect(warnings).toHaveLength(1);
  });

  it("S25: never make anything but a configuration and lines, whatever they are", () => {
    const names = [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      "OTEL_EXPORTER_OTLP_HEADERS",
      "OTEL_EXPORTER_OTLP_TIMEOUT",
      "OTEL_RESOURCE_ATTRIBUTES",
      "OTEL_TRACES_SAMPLER",
      "OTEL_TRACES_SAMPLER_ARG",
    ];
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom("http://a", "a=b", "%", "=", ",", "traceidratio", "1e9"),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (env) => {
        const { tracing: made, warnings } = choice(env);
        expect(made === undefined || URL.canParse(made.url)).toBe(true);
        expect(warnings.join("")).not.toContain("\n");
      }),
    );
  });
});

it("what must not be repeated of them is the values of headers, the words in them, and the address's password", () => {
  const made = tracing({
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://some-user:pass%2Fword@c.example",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret-token,x-tenant=7",
  });
  const secrets = tracingSecrets(made);
  expect(secrets).toEqual(
    expect.arrayContaining(["Bearer s3cret-token", "s3cret-token", "pass/word", "pass%2Fword"]),
  );
  // It would be taken out of every number in the log.
  expect(secrets).not.toContain("7");
});
