// Traces of a real process: what it loads for them, what it says, and how it ends.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { createCertificate } from "../helpers/certificate.ts";
import { emptyDirectory, runProgram, startProgram } from "../helpers/program.ts";
import { startSpanCollector } from "../helpers/span-collector.ts";

const NOTE_MODULES = pathToFileURL(join(import.meta.dirname, "../processes/note-modules.mjs")).href;

/** Where nobody listens. */
const NOBODY = "http://127.0.0.1:1";

/** What the environment must hold so that the modules are noted that a program loads, and what they are. */
function noteModules() {
  const file = join(emptyDirectory(), "modules");
  return {
    env: { NODE_OPTIONS: `--import=${NOTE_MODULES}`, FLEET_TEST_MODULES: file },
    loaded: (): string[] => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []),
  };
}

interface Line {
  readonly level: number;
  readonly msg: string;
}

function linesOf(stdout: string): Line[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

function warningsOf(stdout: string): string[] {
  return linesOf(stdout)
    .filter(({ level }) => level >= 40)
    .map(({ msg }) => msg);
}

describe("nothing of OpenTelemetry is loaded", () => {
  const isOfTraces = (url: string): boolean =>
    /\/@opentelemetry\/|\/observability\/tracing\/(?!start-tracing\.ts)/.test(url);

  test.each<[string, Readonly<Record<string, string>>]>([
    ["without the variable", {}],
    ["with an empty one", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }],
    ["when it is switched off", { OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY, OTEL_SDK_DISABLED: "true" }],
    ["when nothing is to be exported", { OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY, OTEL_TRACES_EXPORTER: "none" }],
    [
      "when it could not be sent",
      { OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    ],
  ])("%s", async (_, env) => {
    const modules = noteModules();
    const program = await startProgram(["serve"], { env: { ...modules.env, ...env } });
    await fetch(`${program.url}/metadata`);
    program.kill("SIGTERM");
    expect((await program.ended).code).toBe(0);
    const loaded = modules.loaded();
    expect(loaded.some((url) => url.endsWith("/src/server.ts"))).toBe(true);
    expect(loaded.filter(isOfTraces)).toEqual([]);
  });

  test("unless there are traces", async () => {
    const modules = noteModules();
    const env = { ...modules.env, OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY };
    const program = await startProgram(["serve"], { env });
    program.kill("SIGTERM");
    await program.ended;
    expect(modules.loaded().filter(isOfTraces)).not.toEqual([]);
  });
});

test("S6: the spans of a server arrive before it has ended, with the headers for them, and no secret of theirs is in its log", async () => {
  const collector = await startSpanCollector();
  const endpoint = collector.url.replace("//", "//some-user:passw0rd@");
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=s3cret-t0ken,x-tenant=7",
    OTEL_SERVICE_NAME: "a-workspace",
    OTEL_RESOURCE_ATTRIBUTES: "team=blue",
  };
  const program = await startProgram(["serve", "--log-level", "trace"], { env });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await fetch(`${program.url}/metadata`, { headers: { traceparent } });
  program.kill("SIGTERM");
  const { code, stdout, stderr } = await program.ended;
  expect(code).toBe(0);
  const request = collector.spans.find(({ name }) => name === "GET /metadata");
  expect(request).toMatchObject({
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    parentSpanId: "00f067aa0ba902b7",
    resource: { "service.name": "a-workspace", team: "blue" },
  });
  expect(collector.spans.map(({ name }) => name)).toContain("collect workspace");
  expect(collector.batches[0]).toMatchObject({
    path: "/v1/traces",
    headers: {
      "x-api-key": "s3cret-t0ken",
      authorization: `Basic ${Buffer.from("some-user:passw0rd").toString("base64")}`,
    },
  });
  expect(stdout + stderr).not.toMatch(/s3cret|passw0rd/);
  const shown = await runProgram(["config"], { env });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain('"OTEL_SERVICE_NAME"');
  expect(shown.stdout).not.toMatch(/s3cret|passw0rd/);
});

test("over TLS, spans go to a collector whose certificate Node trusts, and to no other", async () => {
  const { cert, certFile, keyFile } = await createCertificate();
  const collector = await startSpanCollector({ cert, key: readFileSync(keyFile) });
  const OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  const trusting = await startProgram(["serve"], {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT, NODE_EXTRA_CA_CERTS: certFile },
  });
  trusting.kill("SIGTERM");
  expect(warningsOf((await trusting.ended).stdout)).toEqual([]);
  const sent = collector.spans.length;
  expect(sent).toBeGreaterThan(0);
  const other = await startProgram(["serve"], { env: { OTEL_EXPORTER_OTLP_ENDPOINT } });
  other.kill("SIGTERM");
  expect(warningsOf((await other.ended).stdout)).toEqual([
    `traces are lost: ${collector.url}/v1/traces cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT)`,
  ]);
  expect(collector.spans).toHaveLength(sent);
});

describe("a server ends in time, and has served, when its collector", () => {
  const endsWell = async (env: Readonly<Record<string, string>>) => {
    const program = await startProgram(["serve"], { env });
    for (let read = 0; read < 20; read += 1) {
      expect((await fetch(`${program.url}/metadata`)).status).toBe(200);
    }
    const startedMs = performance.now();
    program.kill("SIGTERM");
    const { code, stdout, stderr } = await program.ended;
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    return warningsOf(stdout);
  };

  test("is not there", async () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = NOBODY.replace("//", "//u:passw0rd@");
    expect(await endsWell({ OTEL_EXPORTER_OTLP_ENDPOINT })).toEqual([
      `traces are lost: ${NOBODY}/v1/traces cannot be reached (ECONNREFUSED)`,
    ]);
  });

  test("never answers", async () => {
    const collector = await startSpanCollector();
    collector.answer(() => undefined);
    expect(await endsWell({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toEqual([
      `traces are lost: ${collector.url}/v1/traces has not answered in time`,
    ]);
    expect(collector.spans.length).toBeGreaterThan(20);
  });

  test("answers nonsense", async () => {
    const collector = await startSpanCollector();
    collector.answer((response) => response.writeHead(500).end("nonsense"));
    expect(await endsWell({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toEqual([
      `traces are lost: ${collector.url}/v1/traces answered with status 500`,
    ]);
  });
});

test("settings of traces that are of no use are warned of, and the server serves", async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  };
  const program = await startProgram(["serve"], { env });
  expect((await fetch(`${program.url}/metadata`)).status).toBe(200);
  program.kill("SIGTERM");
  const { stdout } = await program.ended;
  const warning =
    'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not valid; allowed is http/protobuf; there are no traces';
  expect(warningsOf(stdout)).toEqual([warning]);
  expect(await runProgram(["config"], { env })).toMatchObject({
    code: 0,
    stderr: `fleet-metadata: ${warning}\n`,
  });
});
