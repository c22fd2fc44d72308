// The composition root: makes everything from a configuration and connects it. Nothing listens until `listen`.

import type { Clock, Timers } from "./collectors/clock.ts";
import type { Collector } from "./collectors/collector.ts";
import { createGit, createGitCollector, type Surroundings } from "./collectors/git/index.ts";
import {
  createGitHub,
  type GitHub,
  type GitHubOptions,
  PROXY_VARIABLES,
  type TokenOptions,
} from "./collectors/github/index.ts";
import {
  coderAccess,
  createAgentApi,
  createCoder,
  createProcessList,
  createTaskCollector,
} from "./collectors/task/index.ts";
import { createWorkspaceCollector, isCoderWorkspace } from "./collectors/workspace/index.ts";
import type { Config, Environment } from "./config.ts";
import { coderOrigins } from "./config-values.ts";
import { SourceState } from "./gen/fleet/metadata/v1/envelope_pb.ts";
import { createApp } from "./http/app.ts";
import { createGuard, type Guard } from "./http/guard/guard.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http/limits.ts";
import { createListener, type ListenAddress } from "./http/listener.ts";
import { createPlainRoutes, HEALTH_PATH, PAGE_PATH } from "./http/plain-routes.ts";
import type { RequestObserver } from "./http/request-kind.ts";
import { createStatusPage, type ReadPage } from "./http/status-page.ts";
import { systemClock } from "./metadata/clock.ts";
import { Lifecycle } from "./metadata/lifecycle.ts";
import type { CollectionTrace } from "./metadata/metadata-source.ts";
import { CONTRACT_VERSION } from "./metadata/response.ts";
import {
  MetadataService,
  type ScheduledCollector,
  type ScheduledRemoteCollector,
} from "./metadata/service.ts";
import type { Logger } from "./observability/log.ts";
import { createMetrics, type Metrics, type Now } from "./observability/metrics.ts";
import { createRequestLog } from "./observability/request-log.ts";
import { createSourceLog } from "./observability/source-log.ts";
import type { CollectionSpan, Tracing } from "./observability/tracing/tracing.ts";
import { CORS, createRpcHandler } from "./rpc/handler.ts";

/** What the server is given beside its configuration. */
export interface Dependencies {
  readonly log: Logger;
  /** For the platform's variables, for what git needs of it, and for the proxy to GitHub. */
  readonly env: Environment;
  readonly serverVersion: string;
  /** Is told of each secret that is read from a file, before it is used: what logs must not repeat it. */
  readonly onSecret?: (secret: string) => void;
  /** In place of the collectors that the configuration asks for. */
  readonly collectors?: readonly (ScheduledCollector | ScheduledRemoteCollector)[];
  /** See {@link MetadataServiceOptions.firstWaitMs}. */
  readonly firstWaitMs?: number;
  /** What sources go by, and are woken by. Default: the machine's. */
  readonly time?: Clock & Timers;
  /** In place of single limits of {@link HTTP_LIMITS}. */
  readonly httpLimits?: Partial<HttpLimits>;
}

/** What it is given beside that when it has a port. */
export interface ServerDependencies extends Dependencies {
  readonly readPage: ReadPage;
  /** Is closed with the server. Default: there are no traces. */
  readonly tracing?: Tracing | undefined;
}

/** Where what happens is told. */
interface Telemetry {
  readonly metrics?: Metrics;
  readonly tracing?: Tracing | undefined;
}

/** A whole server. */
export interface FleetMetadataServer {
  readonly service: MetadataService;
  /**
   * Takes over what of a configuration may change while it serves: the token, who may ask, the certificate, the token for GitHub
   * and its file, which is read anew, and whether requests are logged. The rest of it is not looked at. Reloads come one after
   * the other.
   *
   * @throws when the certificate does not fit its key.
   */
  reload(config: Config): Promise<Reloaded>;
  /** Begins to collect and to serve. @returns where it listens, with the real port. */
  listen(): Promise<ListenAddress>;
  /**
   * Becomes unready, ends streams with `unavailable`, lets requests finish, ends all collecting, and sends the last spans. Takes
   * less than 5 s.
   */
  close(): Promise<void>;
}

/** What came of the token for GitHub when it was read anew. */
export interface Reloaded {
  /** Whether it is another one than before. */
  readonly isOtherGitHubToken: boolean;
  /** Why there is none, where one should be. */
  readonly problem?: string;
}

/** A collection that only reads a file or the environment takes a millisecond; it hangs when a file system does. */
const LOCAL_DEADLINE_MS = 1_000;

/** One round of questions to GitHub, of which each ends within 10 s. */
const GITHUB_DEADLINE_MS = 30_000;

/** Where AgentAPI listens unless it is told otherwise, which Coder's modules do not. */
const AGENTAPI_IN_CODER = "http://127.0.0.1:3284";

/** Time for open requests to finish. Leaves time for the rest within the 5 s that a stop may take. */
const CLOSE_GRACE_MS = 2_500;

/** The sources, without a port. */
export interface Sources {
  readonly service: MetadataService;
  /** Reads the token for GitHub anew, from where this configuration has it. */
  reload(config: Config): Promise<Reloaded>;
  /** Resolves when all is read that must be known before {@link service} starts. Takes 1 s at most. */
  ready(): Promise<void>;
}

/**
 * Makes the sources alone: what `get --direct` needs.
 *
 * @param telemetry what they are counted and traced in. Default: they are not.
 */
export function buildSources(config: Config, dependencies: Dependencies, telemetry: Telemetry = {}): Sources {
  const { log, collectors, firstWaitMs, time } = dependencies;
  const { metrics, tracing } = telemetry;
  const logSource = createSourceLog(log);
  const github = collectors === undefined ? createGitHubFrom(config, dependencies, telemetry) : undefined;
  const service = new MetadataService({
    collectors: collectors ?? [
      ...createCollectors(config, dependencies, telemetry),
      ...(github ? [{ remote: github.collector, follows: "git", deadlineMs: GITHUB_DEADLINE_MS }] : []),
    ],
    watch: !config.noWatch,
    ...(firstWaitMs !== undefined && { firstWaitMs }),
    ...(time && { clock: time, timers: time }),
    observer: {
      ...(tracing && { began: (source, cause) => traced(tracing.collecting(source, cause)) }),
      ended: (source, durationMs, failure) => metrics?.collected(source, durationMs, failure),
      collected: (source, { state, reason, message }, error) =>
        logSource(source, { state: stateName(state), reason, message }, error),
      coverage: (source, state) => {
        metrics?.coverage(source, state === "complete");
        return state === "complete"
          ? log.debug({ source }, `source ${source} is followed by events`)
          : log.warn(
              { source, reason: state.reason, message: state.message },
              `source ${source} is not followed by events: every read collects anew`,
            );
      },
    },
  });
  return {
    service,
    reload: async (next) => {
      try {
        return { isOtherGitHubToken: (await github?.reload(tokenOptions(next))) ?? false };
      } catch (error) {
        return { isOtherGitHubToken: false, problem: (error as Error).message };
      }
    },
    ready: async () => await github?.ready(),
  };
}

/** Makes a server. */
export function build(config: Config, dependencies: ServerDependencies): FleetMetadataServer {
  const { log, env, serverVersion, readPage, tracing } = dependencies;
  const { monotonicMs } = systemClock;
  const metrics = createMetrics({ serverVersion, contractVersion: CONTRACT_VERSION, monotonicMs });
  const sources = buildSources(config, dependencies, { metrics, tracing });
  const { service } = sources;
  const onError = (error: unknown): void => log.error({ err: error }, "a request failed unexpectedly");
  const limits = { ...HTTP_LIMITS, ...dependencies.httpLimits };
  const stopping = new AbortController();
  const lifecycle = new Lifecycle();

  const rpc = createRpcHandler({ service, lifecycle, clock: systemClock, serverVersion, onError });
  const pageOf = ({ allowedOrigins }: Config) =>
    createStatusPage(readPage, [...allowedOrigins, ...coderOrigins(env)]);
  const guardOf = ({ allowedHosts, allowedOrigins, token }: Config): Guard =>
    createGuard({
      allowedHosts,
      allowedOrigins,
      ...(token === undefined ? {} : { token }),
      isOpen: (path) => path === HEALTH_PATH || path === PAGE_PATH || rpc.openPaths.has(path),
      isFramable: (path) => path === PAGE_PATH,
    });
  const observerOf = (): RequestObserver =>
    both(metrics.requested, log.isLevelEnabled("debug") ? createRequestLog(log, monotonicMs) : undefined);
  /** What may be another one after a reload. */
  let current = { page: pageOf(config), guard: guardOf(config), observer: observerOf() };

  const plain = createPlainRoutes({
    service,
    clock: systemClock,
    serverVersion,
    defaultNames: config.jsonNames,
    lifecycle,
    stopping: stopping.signal,
    page: (request, response) => current.page(request, response),
    metrics: (accept) => metrics.scrape(accept, nowOf(service)),
  });
  const { openRequests, writeStallMs } = limits;
  const app = createApp({
    guard: (request, localAddress) => current.guard(request, localAddress),
    rpc,
    plain,
    cors: CORS,
    writeStallMs,
    openRequests,
    onError,
    observer: (request) => current.observer(request),
    tracer: tracing?.requested,
  });
  const listener = createListener(app, limits, config.tls);

  return {
    service,
    reload: async (next) => {
      if (next.tls !== undefined) {
        listener.renew(next.tls);
      }
      current = { page: pageOf(next), guard: guardOf(next), observer: observerOf() };
      return await sources.reload(next);
    },
    listen: async () => {
      await sources.ready();
      const address = await listener.listen(config.listen.address);
      service.start();
      lifecycle.enter("healthy");
      return address;
    },
    close: async () => {
      lifecycle.enter("stopping");
      stopping.abort();
      rpc.close();
      await Promise.all([listener.close(CLOSE_GRACE_MS), service.close()]);
      await tracing?.close();
    },
  };
}

/** Is told when something begins; what it returns, how it has ended. */
type Observer<T> = (begun: T) => (ending: string) => void;

/** One observer that tells two. */
function both<T>(one: Observer<T>, other: Observer<T> | undefined): Observer<T> {
  if (other === undefined) {
    return one;
  }
  return (begun) => {
    const ends = [one(begun), other(begun)];
    return (ending) => {
      for (const end of ends) {
        end(ending);
      }
    };
  };
}

/** A collection's span as sources know it. */
function traced(span: CollectionSpan): CollectionTrace {
  return {
    run: (work) => span.run(work),
    share: (cause) => span.share(cause),
    end: ({ state }, failure) => span.end(stateName(state), failure),
  };
}

/** What metrics are told at the moment of a scrape. */
function nowOf(service: MetadataService): Now {
  const views = service.sources();
  return {
    sources: new Map(
      [...views].map(([name, { report, ageMs }]) => [
        name,
        { state: stateName(report.state).replaceAll(" ", "_"), ageMs },
      ]),
    ),
    rateLimit: views.get("github")?.rateLimit,
  };
}

function tokenOptions({ github: { token, tokenFile } }: Config): TokenOptions {
  return { ...(token !== undefined && { token }), ...(tokenFile !== undefined && { tokenFile }) };
}

/** How GitHub is asked. */
export function gitHubOptions(
  config: Config,
  { env, serverVersion, onSecret }: Pick<Dependencies, "env" | "serverVersion" | "onSecret">,
): GitHubOptions {
  const { host, apiUrl } = config.github;
  return {
    host,
    apiUrl,
    ...tokenOptions(config),
    ...(env["HOME"] !== undefined && { home: env["HOME"] }),
    proxy: Object.fromEntries(PROXY_VARIABLES.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
    userAgent: `fleet-metadata/${serverVersion}`,
    ...(onSecret && { onToken: onSecret }),
  };
}

function createGitHubFrom(
  config: Config,
  { log, env, serverVersion, onSecret, time }: Dependencies,
  { metrics, tracing }: Telemetry,
): GitHub {
  return createGitHub({
    ...gitHubOptions(config, { env, serverVersion, ...(onSecret && { onSecret }) }),
    ...(time && { time }),
    onRequest: (request) => {
      metrics?.githubAnswered(request);
      log.debug({ source: "github", ...request }, "GitHub has answered");
    },
    ...(tracing && { onSend: (route) => tracing.githubAsked({ route, url: config.github.apiUrl }) }),
  });
}

/** What git is told of this machine. */
export function gitSurroundings({ workspace }: Pick<Config, "workspace">, env: Environment): Surroundings {
  return {
    path: env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    workspace,
    ...(env["HOME"] !== undefined && { home: env["HOME"] }),
    ...(env["XDG_CONFIG_HOME"] !== undefined && { xdgConfigHome: env["XDG_CONFIG_HOME"] }),
  };
}

/** Where AgentAPI is asked. Undefined: nowhere. */
export function agentApiUrl(
  { agentapiUrl }: Pick<Config, "agentapiUrl">,
  env: Environment,
): string | undefined {
  const url = agentapiUrl ?? (isCoderWorkspace(env) ? AGENTAPI_IN_CODER : "none");
  return url === "none" ? undefined : url;
}

function createCollectors(
  config: Config,
  { env, onSecret }: Dependencies,
  { metrics, tracing }: Telemetry,
): ScheduledCollector[] {
  const { workspace, gitDeadlineMs } = config;
  const surroundings = gitSurroundings(config, env);
  const onProcess = metrics && both(metrics.gitStarted, tracing?.gitStarted);
  const git = createGit({ ...surroundings, ...(onProcess && { onProcess }) });
  const { xdgConfigHome } = surroundings;
  const gitOptions = { git, workspace, gitDeadlineMs, ...(xdgConfigHome !== undefined && { xdgConfigHome }) };
  return [
    { collector: createGitCollector(gitOptions), deadlineMs: gitDeadlineMs },
    { collector: createTask(config, env, onSecret), deadlineMs: LOCAL_DEADLINE_MS },
    { collector: createWorkspaceCollector({ directory: workspace, env }), deadlineMs: LOCAL_DEADLINE_MS },
  ];
}

function createTask(config: Config, env: Environment, onToken: Dependencies["onSecret"]): Collector {
  const { workspace, taskFile, taskStaleAfterMs, coderUrl, coderTokenFile } = config;
  const agentApi = agentApiUrl(config, env);
  const coder = coderAccess({ url: coderUrl, tokenFile: coderTokenFile, onToken }, env);
  return createTaskCollector({
    file: taskFile,
    workspace,
    staleAfterMs: taskStaleAfterMs,
    witnesses: [
      ...(agentApi === undefined ? [] : [createAgentApi({ url: agentApi })]),
      ...(coder === undefined ? [] : [createCoder(coder)]),
      createProcessList(),
    ],
  });
}

/** The state's word as a person reads it: `SOURCE_STATE_NO_DATA` is "no data". */
export function stateName(state: SourceState): string {
  const [name] = Object.entries(SourceState).find(([, value]) => value === state) ?? ["unknown"];
  return name.toLowerCase().replaceAll("_", " ");
}
