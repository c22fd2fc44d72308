// The plain routes: what a person with curl, a probe or a client without stubs asks for.

import { closestKey } from "../metadata/catalogue.ts";
import type { Clock } from "../metadata/clock.ts";
import { nullEntry } from "../metadata/flatten.ts";
import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import type { Lifecycle } from "../metadata/lifecycle.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { type Selection, selectKeys } from "../metadata/selection.ts";
import type { MetadataService } from "../metadata/service.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import { watchMetadata } from "../metadata/watch.ts";
import { JSON_TYPE, sendCompressible } from "./compression.ts";
import { cacheHeaders, isMatch, sendDocument, validatorsOf, varyOn } from "./documents.ts";
import { sendEvents } from "./events.ts";
import { PLAIN_METHODS, refuseMethod } from "./guard/method.ts";
import {
  pathOf,
  type Refusal,
  type Request,
  type Response,
  sendEmpty,
  sendJson,
  sendRefusal,
} from "./message.ts";
import { createMetadataJson, entryJson } from "./metadata-json.ts";
import type { Write } from "./outflow.ts";
import { type JsonNames, parseReadQuery, type ReadQuery } from "./query.ts";

/** What the plain routes are made of. */
export interface PlainRoutesOptions {
  readonly service: MetadataService;
  readonly clock: Clock;
  readonly serverVersion: string;
  /** How names are spelled when a request does not say. */
  readonly defaultNames: JsonNames;
  readonly lifecycle: Lifecycle;
  /** Aborted when the server stops: ends what waits for a change. */
  readonly stopping: AbortSignal;
  /** Serves the status page. */
  readonly page: (request: Request, response: Response) => Promise<void>;
  /** What a scrape gets, without the line break at its end. */
  readonly metrics: (
    accept: string | undefined,
  ) => Promise<{ readonly contentType: string; readonly text: string }>;
}

/**
 * Serves a request on a plain route, an unknown path included. Rejects with the reason of an aborted `signal`.
 *
 * @param cause stands for the request where that is traced.
 */
export type PlainRoutes = (
  request: Request,
  response: Response,
  signal: AbortSignal,
  write: Write,
  cause?: object,
) => Promise<void>;

type Route = (
  request: Request,
  response: Response,
  signal: AbortSignal,
  write: Write,
  cause: object | undefined,
) => void | Promise<void>;

/** The path of the health route, which needs no token. */
export const HEALTH_PATH = "/health";

/** The path of the status page, which holds no data, and asks for the token itself. */
export const PAGE_PATH = "/";

const METADATA_PATH = "/metadata";
const EVENTS_PATH = `${METADATA_PATH}/events`;
/** Every path but those of single keys. */
const PATHS = [
  PAGE_PATH,
  METADATA_PATH,
  EVENTS_PATH,
  HEALTH_PATH,
  "/metrics",
  "/openapi.json",
  "/schema.json",
] as const;
const KEY_ROUTE = `${METADATA_PATH}/{key}`;

/** The route of a path, as the OpenAPI document names it; "unknown" where there is nothing. */
export function routeOf(path: string): string {
  const route = PATHS.find((candidate) => candidate === path);
  return route ?? (path.startsWith(`${METADATA_PATH}/`) ? KEY_ROUTE : "unknown");
}

/** Whether a request on a route may be held until something changes. */
export function asksToWait(route: string, url: string): boolean {
  const canWait = route === METADATA_PATH || route === KEY_ROUTE;
  return route === EVENTS_PATH || (canWait && /[?&]wait=/.test(url));
}

export function createPlainRoutes(options: PlainRoutesOptions): PlainRoutes {
  const { service, clock, serverVersion, defaultNames, lifecycle, stopping, page, metrics } = options;
  const json = createMetadataJson(service);
  const startedMs = clock.monotonicMs();

  /** Reads what is asked for, and answers with `body` unless the client has the same already. */
  const answer = async (
    request: Request,
    response: Response,
    signal: AbortSignal,
    { maxAgeMs, waitMs, names = defaultNames }: ReadQuery,
    selection: Selection,
    body: (snapshot: Snapshot, names: JsonNames) => string,
    cause: object | undefined,
  ): Promise<void> => {
    await service.read({ selection, signal, cause, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) });
    const given = validatorsOf(request);
    const known = json.etag(service.snapshot, selection, names);
    const held = waitMs > 0 ? given.find((validator) => json.isSameState(validator, known)) : undefined;
    if (held !== undefined && !(await changeOrTimeout(service.snapshot, selection, waitMs, signal))) {
      signal.throwIfAborted();
      sendRefusal(request, response, STOPPING);
      return;
    }
    const { snapshot } = service;
    const etag = json.etag(snapshot, selection, names);
    // After a wait, what the client has counts as current though the revision has moved on for something else.
    const isHeldCurrent = held !== undefined && json.isSameState(held, etag);
    const headers = cacheHeaders(response, isHeldCurrent ? held : etag);
    if (isHeldCurrent || given.some((validator) => isMatch(validator, etag))) {
      sendEmpty(response, 304, headers);
    } else {
      await sendCompressible(request, response, body(snapshot, names), { ...JSON_TYPE, ...headers });
    }
  };

  /** @returns false when it was ended before, by the client or because the server stops. */
  const changeOrTimeout = (
    snapshot: Snapshot,
    selection: Selection,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<boolean> =>
    untilStop(signal, async (ended) => {
      const known = snapshot.fingerprint(selection);
      for await (const _ of watchMetadata(service, {
        selection,
        heartbeatMs: waitMs,
        signal: ended,
        known,
      })) {
        return true;
      }
      return false;
    });

  /** Does something that ends with a request or with the server, whichever ends first. */
  const untilStop = async <T>(gone: AbortSignal, work: (ended: AbortSignal) => Promise<T>): Promise<T> => {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const causes = [gone, stopping];
    for (const cause of causes) {
      cause.addEventListener("abort", end, { once: true });
    }
    if (causes.some((cause) => cause.aborted)) {
      end();
    }
    try {
      return await work(ended.signal);
    } finally {
      for (const cause of causes) {
        cause.removeEventListener("abort", end);
      }
    }
  };

  const metadata: Route = (request, response, signal, _write, cause) => {
    const query = parseReadQuery(request.url ?? "");
    const selection = selectKeys(service.catalogue, query.keys);
    const body = (snapshot: Snapshot, names: JsonNames): string =>
      json.response(snapshot, selection, names, { serverVersion, nowMs: clock.wallMs() });
    return answer(request, response, signal, query, selection, body, cause);
  };

  const events: Route = (request, response, gone, write, cause) => {
    const { keys, names = defaultNames } = parseReadQuery(request.url ?? "");
    const selection = selectKeys(service.catalogue, keys);
    const text = (snapshot: Snapshot): string =>
      json.response(snapshot, selection, names, { serverVersion, nowMs: clock.wallMs() });
    return untilStop(gone, (signal) =>
      sendEvents(request, response, { service, selection, json: text, write, signal, cause }),
    );
  };

  const metadataKey: Route = (request, response, signal, _write, cause) => {
    const key = decodePath(pathOf(request).slice(METADATA_PATH.length + 1));
    const leaf = service.catalogue.byKey.get(key);
    if (leaf === undefined) {
      const closest = closestKey(service.catalogue, key) ?? "";
      const message = `unknown key ${JSON.stringify(key.slice(0, METADATA_LIMITS.keyCharacters))}; the closest known key is "${closest}"`;
      const details = { closest_key: closest };
      sendRefusal(request, response, { status: 404, code: "not_found", message, details });
      return;
    }
    const query = parseReadQuery(request.url ?? "");
    const selection = selectKeys(service.catalogue, [key]);
    const body = (snapshot: Snapshot, names: JsonNames): string =>
      entryJson(snapshot.entries.get(key) ?? nullEntry(leaf), names);
    return answer(request, response, signal, query, selection, body, cause);
  };

  const health: Route = (request, response) => {
    const status = lifecycle.state;
    const body = {
      status,
      version: serverVersion,
      uptime_seconds: Math.round((clock.monotonicMs() - startedMs) / 1_000),
    };
    sendJson(request, response, status === "healthy" ? 200 : 503, JSON.stringify(body));
  };

  const openapi: Route = async (request, response) => {
    const { openapi: text } = await loadDocuments();
    await sendDocument(request, response, text);
  };

  const schema: Route = async (request, response) => {
    const { names = defaultNames } = parseReadQuery(request.url ?? "");
    const { schema: texts } = await loadDocuments();
    await sendDocument(request, response, texts[names]);
  };

  const scrape: Route = async (request, response) => {
    const { contentType, text } = await metrics(request.headers.accept);
    const headers = { "content-type": contentType, vary: varyOn(response, "Accept", "Accept-Encoding") };
    await sendCompressible(request, response, text, headers);
  };

  const routes: Readonly<Record<string, Route>> = {
    [PAGE_PATH]: page,
    [METADATA_PATH]: metadata,
    [EVENTS_PATH]: events,
    [KEY_ROUTE]: metadataKey,
    [HEALTH_PATH]: health,
    "/metrics": scrape,
    "/openapi.json": openapi,
    "/schema.json": schema,
  } satisfies Record<(typeof PATHS)[number] | typeof KEY_ROUTE, Route>;

  return async (request, response, signal, write, cause) => {
    const route = routes[routeOf(pathOf(request))];
    if (route === undefined) {
      const message = `there is nothing at this path; served are ${PATHS.join(", ")} and ${KEY_ROUTE}`;
      sendRefusal(request, response, { status: 404, code: "not_found", message });
      return;
    }
    const refusal = refuseMethod(request.method);
    if (refusal) {
      sendRefusal(request, response, refusal);
      return;
    }
    if (request.method === "OPTIONS") {
      sendEmpty(response, 204, { allow: PLAIN_METHODS });
      return;
    }
    try {
      await route(request, response, signal, write, cause);
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) {
        throw error;
      }
      const details = { field: error.field };
      sendRefusal(request, response, {
        status: 400,
        code: "invalid_argument",
        message: error.message,
        details,
      });
    }
  };
}

/**
 * A client that waits is told to come back, like the reader of a stream: "not modified" would have it ask again at once.
 */
const STOPPING: Refusal = {
  status: 503,
  code: "unavailable",
  message: "the server is stopping",
  headers: { "retry-after": "1" },
};

/** They are long, and most servers are never asked for them. */
async function loadDocuments() {
  const { DOCUMENTS } = await import("../gen/documents.ts");
  return DOCUMENTS;
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
