// The plain routes: what a person with curl, a probe or a client without stubs asks for.

import { closestKey } from "../metadata/catalogue.ts";
import type { Clock } from "../metadata/clock.ts";
import { nullEntry } from "../metadata/flatten.ts";
import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { type Selection, selectKeys } from "../metadata/selection.ts";
import type { MetadataService } from "../metadata/service.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import { pathOf, type Request, type Response, sendEmpty, sendJson, sendRefusal } from "./message.ts";
import { createMetadataJson, entryJson } from "./metadata-json.ts";
import { type JsonNames, parseReadQuery, type ReadQuery } from "./query.ts";

/** Whether the server takes part: a probe is told so. */
export type Lifecycle = "starting" | "healthy" | "stopping";

/** What the plain routes are made of. */
export interface PlainRoutesOptions {
  readonly service: MetadataService;
  readonly clock: Clock;
  readonly serverVersion: string;
  /** How names are spelled when a request does not say. */
  readonly defaultNames: JsonNames;
  readonly lifecycle: () => Lifecycle;
}

/** Serves a request on a plain route, an unknown path included. Rejects with the reason of an aborted `signal`. */
export type PlainRoutes = (request: Request, response: Response, signal: AbortSignal) => Promise<void>;

type Route = (request: Request, response: Response, signal: AbortSignal) => void | Promise<void>;

/** The path of the health route, which needs no token. */
export const HEALTH_PATH = "/health";

const METADATA_PATH = "/metadata";
const ALLOWED_METHODS = "GET, HEAD, OPTIONS";

export function createPlainRoutes(options: PlainRoutesOptions): PlainRoutes {
  const { service, clock, serverVersion, defaultNames, lifecycle } = options;
  const json = createMetadataJson(service);
  const startedMs = clock.monotonicMs();

  /** Reads what is asked for, and answers with `body` unless the client has the same already. */
  const answer = async (
    request: Request,
    response: Response,
    signal: AbortSignal,
    { maxAgeMs, names = defaultNames }: ReadQuery,
    selection: Selection,
    body: (snapshot: Snapshot, names: JsonNames) => string,
  ): Promise<void> => {
    await service.read({ selection, signal, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) });
    const { snapshot } = service;
    const etag = json.etag(snapshot, selection, names);
    // It may be kept, but must be asked for again before it is used.
    const headers = { etag, "cache-control": "no-cache" };
    if (isNotModified(request, etag)) {
      sendEmpty(response, 304, headers);
    } else {
      sendJson(request, response, 200, body(snapshot, names), headers);
    }
  };

  const metadata: Route = (request, response, signal) => {
    const query = parseReadQuery(request.url ?? "");
    const selection = selectKeys(service.catalogue, query.keys);
    return answer(request, response, signal, query, selection, (snapshot, names) =>
      json.response(snapshot, selection, names, { serverVersion, nowMs: clock.wallMs() }),
    );
  };

  const metadataKey: Route = (request, response, signal) => {
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
    return answer(request, response, signal, query, selection, (snapshot, names) =>
      entryJson(snapshot.entries.get(key) ?? nullEntry(leaf), names),
    );
  };

  const health: Route = (request, response) => {
    const status = lifecycle();
    const body = {
      status,
      version: serverVersion,
      uptime_seconds: Math.round((clock.monotonicMs() - startedMs) / 1_000),
    };
    sendJson(request, response, status === "healthy" ? 200 : 503, JSON.stringify(body));
  };

  const routes = new Map<string, Route>([
    [METADATA_PATH, metadata],
    [HEALTH_PATH, health],
  ]);

  return async (request, response, signal) => {
    const path = pathOf(request);
    const route = routes.get(path) ?? (path.startsWith(`${METADATA_PATH}/`) ? metadataKey : undefined);
    if (route === undefined) {
      const message = `there is nothing at this path; served are ${[...routes.keys()].join(", ")} and ${METADATA_PATH}/{key}`;
      sendRefusal(request, response, { status: 404, code: "not_found", message });
      return;
    }
    if (request.method === "OPTIONS") {
      sendEmpty(response, 204, { allow: ALLOWED_METHODS });
      return;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      const message = `the method ${request.method} is not allowed here; allowed are ${ALLOWED_METHODS}`;
      const headers = { allow: ALLOWED_METHODS };
      sendRefusal(request, response, { status: 405, code: "unimplemented", message, headers });
      return;
    }
    try {
      await route(request, response, signal);
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

/** Weak comparison of validators (RFC 9110, 13.1.2). */
function isNotModified(request: Request, etag: string): boolean {
  const given = request.headers["if-none-match"];
  if (given === undefined) {
    return false;
  }
  const opaque = (validator: string): string => validator.trim().replace(/^W\//, "");
  return given.trim() === "*" || given.split(",").some((validator) => opaque(validator) === opaque(etag));
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
