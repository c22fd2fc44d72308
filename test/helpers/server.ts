// A whole server on a free port of loopback (or a Unix socket), as the program makes it, closed after the test. The test
// fails when the server leaves a socket open, or when it logs a defect that the test did not ask for.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import type { Clock, Timers } from "../../src/collectors/clock.ts";
import { type Config, createConfig, type Environment } from "../../src/config.ts";
import type { SettingName } from "../../src/config-settings.ts";
import type { HttpLimits } from "../../src/http/limits.ts";
import type { ScheduledCollector, ScheduledRemoteCollector } from "../../src/metadata/service.ts";
import { createLog } from "../../src/observability/log.ts";
import { startTracing } from "../../src/observability/tracing/start-tracing.ts";
import { build, type FleetMetadataServer } from "../../src/server.ts";
import { NO_GITHUB } from "./closed-port.ts";
import { countSubscribers } from "./subscribers.ts";

export const TEST_VERSION = "1.2.3-test";

export interface TestServerOptions {
  /** Default: none, all sources are disabled. "real": those of the program. */
  readonly collectors?: readonly (ScheduledCollector | ScheduledRemoteCollector)[] | "real";
  /** Settings as given on the command line. Default: any free port of 127.0.0.1, the working directory. */
  readonly flags?: Partial<Record<SettingName, string>>;
  readonly env?: Environment;
  readonly limits?: Partial<HttpLimits>;
  /** See `SourceDependencies.time`. */
  readonly time?: Clock & Timers;
  /** Default: an empty status page. */
  readonly page?: string;
  /** Where traces go. Default: there are none. They are sent when the server is closed, if not before. */
  readonly spanCollector?: { readonly url: string };
}

export interface TestServer {
  readonly server: FleetMetadataServer;
  /** What it was made with. */
  readonly config: Config;
  readonly host: string;
  /** 0 on a Unix socket. */
  readonly port: number;
  /** `http://host:port`, `https` with a certificate. */
  readonly url: string;
  /** Lines of the log at level error, as objects. A test that expects some takes them out. */
  readonly defects: unknown[];
  /** How many of its connections are open. */
  openSockets(): number;
  /** How many listeners for changes there are. */
  subscribers(): number;
  /** Closes it before the end of the test. May be called twice. */
  close(): Promise<void>;
}

/** Starts a server for the running test. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { started, stop } = await launch(options);
  onTestFinished(stop);
  return started;
}

/** One server for all tests of a file or suite. Call the result inside the tests. */
export function useServer(options: () => TestServerOptions = () => ({})): () => TestServer {
  let current: Awaited<ReturnType<typeof launch>> | undefined;
  beforeAll(async () => {
    current = await launch(options());
  });
  afterAll(() => current?.stop());
  return () => {
    if (current === undefined) {
      throw new Error("the server is there inside of tests only");
    }
    return current.started;
  };
}

async function launch(options: TestServerOptions) {
  const { collectors = [], flags = {}, limits = {}, time, page = "" } = options;
  const env = { ...NO_GITHUB, ...options.env };
  const defects: unknown[] = [];
  const log = await createLog({
    level: "error",
    format: "json",
    destination: { write: (line) => defects.push(JSON.parse(line)) },
  });
  const config = createConfig({
    flags: { listen: "127.0.0.1:0", ...flags },
    env,
    envFile: undefined,
    cwd: process.cwd(),
  });
  const tracing =
    options.spanCollector &&
    (await startTracing({
      url: `${options.spanCollector.url}/v1/traces`,
      headers: {},
      timeoutMs: 10_000,
      attributes: { "service.name": "tested" },
      sampler: "parentbased_always_on",
      ratio: 1,
      serverVersion: TEST_VERSION,
      log,
    }));
  const server = build(config, {
    log,
    tracing,
    env,
    serverVersion: TEST_VERSION,
    readPage: async () => page,
    httpLimits: limits,
    ...(time && { time }),
    ...(collectors === "real" ? {} : { collectors }),
  });
  const subscribers = countSubscribers(server);
  const address = await server.listen();
  const host = "host" in address ? address.host : "localhost";
  const port = "port" in address ? address.port : 0;
  const sockets = port === 0 ? undefined : followSockets(port);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= server.close();
    return closing;
  };
  const started: TestServer = {
    server,
    config,
    host,
    port,
    url: `${config.tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    defects,
    openSockets: () => sockets?.open() ?? 0,
    subscribers,
    close,
  };
  const stop = async (): Promise<void> => {
    await close();
    sockets?.forget();
    const left = started.openSockets();
    if (left > 0) {
      throw new Error(`the server left ${left} sockets open`);
    }
    if (subscribers() > 0) {
      throw new Error(`the server left ${subscribers()} subscribers`);
    }
    if (defects.length > 0) {
      throw new Error(`the server logged defects: ${JSON.stringify(defects)}`);
    }
  };
  return { started, stop };
}

/** Notes the connections that come in on a port, by what Node itself tells of them. */
function followSockets(port: number): { open(): number; forget(): void } {
  const sockets = new Set<Socket>();
  const note = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort === port) {
      sockets.add(socket);
    }
  };
  subscribe("net.server.socket", note);
  const open = (): number => [...sockets].filter((socket) => !socket.destroyed).length;
  return { open, forget: () => unsubscribe("net.server.socket", note) };
}
