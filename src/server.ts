// The composition root: makes everything from a configuration and connects it. Nothing listens until `listen`.

import type { Config } from "./config.ts";
import { coderOrigins } from "./config-values.ts";
import { createApp } from "./http/app.ts";
import { createGuard, type Guard } from "./http/guard/guard.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http/limits.ts";
import { createListener, type ListenAddress } from "./http/listener.ts";
import { createPlainRoutes, HEALTH_PATH, PAGE_PATH } from "./http/plain-routes.ts";
import type { RequestObserver } from "./http/request-kind.ts";
import { createStatusPage, type ReadPage } from "./http/status-page.ts";
import { systemClock } from "./metadata/clock.ts";
import { Lifecycle } from "./metadata/lifecycle.ts";
import { CONTRACT_VERSION } from "./metadata/response.ts";
import type { MetadataService } from "./metadata/service.ts";
import { stateName } from "./metadata/state-name.ts";
import { both } from "./observability/both.ts";
import { createMetrics, type Now } from "./observability/metrics.ts";
import { createRequestLog } from "./observability/request-log.ts";
import type { Tracing } from "./observability/tracing/tracing.ts";
import { CORS, createRpcHandler } from "./rpc/handler.ts";
import { buildSources, type Reloaded, type SourceDependencies } from "./sources.ts";

/** What the server is given beside its configuration. */
export interface ServerDependencies extends SourceDependencies {
  readonly readPage: ReadPage;
  /** In place of single limits of {@link HTTP_LIMITS}. */
  readonly httpLimits?: Partial<HttpLimits>;
  /** Is closed with the server. Default: there are no traces. */
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

/** Time for open requests to finish. Leaves time for the rest within the 5 s that a stop may take. */
const CLOSE_GRACE_MS = 2_500;

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
