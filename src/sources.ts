// The sources of a server, made from a configuration: which collectors there are, what they are told of this machine, and where
// what they do is counted, logged and traced. Needs no port.

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
import type { CollectionTrace } from "./metadata/metadata-source.ts";
import {
  MetadataService,
  type ScheduledCollector,
  type ScheduledRemoteCollector,
} from "./metadata/service.ts";
import { stateName } from "./metadata/state-name.ts";
import { both } from "./observability/both.ts";
import type { Logger } from "./observability/log.ts";
import type { Metrics } from "./observability/metrics.ts";
import { createSourceLog } from "./observability/source-log.ts";
import type { CollectionSpan, Tracing } from "./observability/tracing/tracing.ts";

/** What the sources are given beside the configuration. */
export interface SourceDependencies {
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
}

/** Where what happens is told. */
interface Telemetry {
  readonly metrics?: Metrics;
  readonly tracing?: Tracing | undefined;
}

/** The sources, without a port. */
export interface Sources {
  readonly service: MetadataService;
  /** Reads the token for GitHub anew, from where this configuration has it. */
  reload(config: Config): Promise<Reloaded>;
  /** Resolves when all is read that must be known before {@link service} starts. Takes 1 s at most. */
  ready(): Promise<void>;
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

/**
 * Makes the sources alone: what `get --direct` needs.
 *
 * @param telemetry what they are counted and traced in. Default: they are not.
 */
export function buildSources(
  config: Config,
  dependencies: SourceDependencies,
  telemetry: Telemetry = {},
): Sources {
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

function tokenOptions({ github: { token, tokenFile } }: Config): TokenOptions {
  return { ...(token !== undefined && { token }), ...(tokenFile !== undefined && { tokenFile }) };
}

/** How GitHub is asked. */
export function gitHubOptions(
  config: Config,
  { env, serverVersion, onSecret }: Pick<SourceDependencies, "env" | "serverVersion" | "onSecret">,
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
  { log, env, serverVersion, onSecret, time }: SourceDependencies,
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
  { env, onSecret }: SourceDependencies,
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

function createTask(config: Config, env: Environment, onToken: SourceDependencies["onSecret"]): Collector {
  const { workspace, taskFile, taskStaleAfterMs, coderUrl, coderTokenFile } = config;
  const agentApi = agentApiUrl(config, env);
  const coder = coderAccess({ url: coderUrl, tokenFile: coderTokenFile, onToken }, env);
  return createTaskCollector({
    file: taskFile,
    workspace,
    staleAfterMs: taskStaleAfterMs,
    evidenceSources: [
      ...(agentApi === undefined ? [] : [createAgentApi({ url: agentApi })]),
      ...(coder === undefined ? [] : [createCoder(coder)]),
      createProcessList(),
    ],
  });
}

/** A collection's span as sources know it. */
function traced(span: CollectionSpan): CollectionTrace {
  return {
    run: (work) => span.run(work),
    share: (cause) => span.share(cause),
    end: ({ state }, failure) => span.end(stateName(state), failure),
  };
}
