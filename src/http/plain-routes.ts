// The plain routes: what a person with curl, a probe or a client without stubs asks for.

import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import type { Lifecycle } from "../metadata/lifecycle.ts";
import { sendCompressible } from "./compression.ts";
import { sendDocument, varyOn } from "./documents.ts";
import { PLAIN_METHODS, refuseMethod } from "./guard/method.ts";
import { pathOf, type Request, type Response, sendEmpty, sendJson, sendRefusal } from "./message.ts";
import {
  createMetadataRoutes,
  EVENTS_PATH,
  KEY_ROUTE,
  METADATA_PATH,
  type MetadataRoutesOptions,
} from "./metadata-routes.ts";
import type { PlainRequest, Route } from "./plain-request.ts";
import { parseReadQuery } from "./query.ts";

/** What the plain routes are made of. */
export interface PlainRoutesOptions extends MetadataRoutesOptions {
  readonly lifecycle: Lifecycle;
  /** Serves the status page. */
  readonly page: (request: Request, response: Response) => Promise<void>;
  /** What a scrape gets, without the line break at its end. */
  readonly metrics: (
    accept: string | undefined,
  ) => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Serves a request on a plain route, an unknown path included. Rejects with the reason of its signal when that is aborted. */
export type PlainRoutes = (request: PlainRequest) => Promise<void>;

/** The path of the health route, which needs no token. */
export const HEALTH_PATH = "/health";

/** The path of the status page, which holds no data, and asks for the token itself. */
export const PAGE_PATH = "/";

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
  const { clock, serverVersion, defaultNames, lifecycle, page, metrics } = options;
  const { metadata, metadataKey, events } = createMetadataRoutes(options);
  const startedMs = clock.monotonicMs();

  const health: Route = ({ request, response }) => {
    const status = lifecycle.state;
    const body = {
      status,
      version: serverVersion,
      uptime_seconds: Math.round((clock.monotonicMs() - startedMs) / 1_000),
    };
    sendJson(request, response, status === "healthy" ? 200 : 503, JSON.stringify(body));
  };

  const openapi: Route = async ({ request, response }) => {
    const { openapi: text } = await loadDocuments();
    await sendDocument(request, response, text);
  };

  const schema: Route = async ({ request, response }) => {
    const { names = defaultNames } = parseReadQuery(request.url ?? "");
    const { schema: texts } = await loadDocuments();
    await sendDocument(request, response, texts[names]);
  };

  const scrape: Route = async ({ request, response }) => {
    const { contentType, text } = await metrics(request.headers.accept);
    const headers = { "content-type": contentType, vary: varyOn(response, "Accept", "Accept-Encoding") };
    await sendCompressible(request, response, text, headers);
  };

  const routes: Readonly<Record<string, Route>> = {
    [PAGE_PATH]: ({ request, response }) => page(request, response),
    [METADATA_PATH]: metadata,
    [EVENTS_PATH]: events,
    [KEY_ROUTE]: metadataKey,
    [HEALTH_PATH]: health,
    "/metrics": scrape,
    "/openapi.json": openapi,
    "/schema.json": schema,
  } satisfies Record<(typeof PATHS)[number] | typeof KEY_ROUTE, Route>;

  return async (exchange) => {
    const { request, response } = exchange;
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
      await route(exchange);
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

/** They are long, and most servers are never asked for them. */
async function loadDocuments() {
  const { DOCUMENTS } = await import("../gen/documents.ts");
  return DOCUMENTS;
}
