// The routes under /metadata: the whole state, one key, and the stream of events.

import { attempt } from "../attempt.ts";
import { closestKey } from "../metadata/catalogue.ts";
import type { Clock } from "../metadata/clock.ts";
import { nullEntry } from "../metadata/flatten.ts";
import { METADATA_LIMITS } from "../metadata/limits.ts";
import { type Selection, selectKeys } from "../metadata/selection.ts";
import type { MetadataService } from "../metadata/service.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import { watchMetadata } from "../metadata/watch.ts";
import { JSON_TYPE, sendCompressible } from "./compression.ts";
import { cacheHeaders, isMatch, validatorsOf } from "./documents.ts";
import { sendEvents } from "./events.ts";
import { pathOf, type Refusal, sendEmpty, sendRefusal } from "./message.ts";
import { createMetadataJson, entryJson } from "./metadata-json.ts";
import type { PlainRequest, Route } from "./plain-request.ts";
import { type JsonNames, parseReadQuery, type ReadQuery } from "./query.ts";

export const METADATA_PATH = "/metadata";
export const EVENTS_PATH = `${METADATA_PATH}/events`;
export const KEY_ROUTE = `${METADATA_PATH}/{key}`;

/** What these routes are made of. */
export interface MetadataRoutesOptions {
  readonly service: MetadataService;
  readonly clock: Clock;
  readonly serverVersion: string;
  /** How names are spelled when a request does not say. */
  readonly defaultNames: JsonNames;
  /** Aborted when the server stops: ends what waits for a change. */
  readonly stopping: AbortSignal;
}

/** Each throws {@link InvalidRequestError} when the query is wrong. */
export interface MetadataRoutes {
  readonly metadata: Route;
  readonly metadataKey: Route;
  readonly events: Route;
}

export function createMetadataRoutes(options: MetadataRoutesOptions): MetadataRoutes {
  const { service, clock, serverVersion, defaultNames, stopping } = options;
  const json = createMetadataJson(service);
  const whole = (snapshot: Snapshot, selection: Selection, names: JsonNames): string =>
    json.response(snapshot, selection, names, { serverVersion, nowMs: clock.wallMs() });

  /** Reads what is asked for, and answers with `body` unless the client has the same already. */
  const answer = async (
    { request, response, signal, cause }: PlainRequest,
    { maxAgeMs, waitMs, names = defaultNames }: ReadQuery,
    selection: Selection,
    body: (snapshot: Snapshot, names: JsonNames) => string,
  ): Promise<void> => {
    await service.read({ selection, signal, cause, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) });
    const given = validatorsOf(request);
    const known = json.etag(service.snapshot, selection, names);
    const held = waitMs > 0 ? given.find((validator) => json.isSameState(validator, known)) : undefined;
    if (held !== undefined && !(await changeOrTimeout(selection, waitMs, signal))) {
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
  const changeOrTimeout = (selection: Selection, waitMs: number, gone: AbortSignal): Promise<boolean> => {
    const known = service.snapshot.fingerprint(selection);
    return withEither([gone, stopping], async (signal) => {
      for await (const _ of watchMetadata(service, { selection, heartbeatMs: waitMs, signal, known })) {
        return true;
      }
      return false;
    });
  };

  return {
    metadata: (exchange) => {
      const query = parseReadQuery(exchange.request.url ?? "");
      const selection = selectKeys(service.catalogue, query.keys);
      return answer(exchange, query, selection, (snapshot, names) => whole(snapshot, selection, names));
    },
    metadataKey: (exchange) => {
      const { request, response } = exchange;
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
      return answer(exchange, query, selection, (snapshot, names) =>
        entryJson(snapshot.entries.get(key) ?? nullEntry(leaf), names),
      );
    },
    events: ({ request, response, signal: gone, write, cause }) => {
      const { keys, names = defaultNames } = parseReadQuery(request.url ?? "");
      const selection = selectKeys(service.catalogue, keys);
      const text = (snapshot: Snapshot): string => whole(snapshot, selection, names);
      return withEither([gone, stopping], (signal) =>
        sendEvents(request, response, { service, selection, json: text, write, signal, cause }),
      );
    },
  };
}

/**
 * Does something that ends with whichever of these is aborted first. Leaves no listener behind: one of them lives as long as the
 * server.
 */
async function withEither<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  for (const signal of signals) {
    signal.addEventListener("abort", end, { once: true });
  }
  if (signals.some((signal) => signal.aborted)) {
    end();
  }
  try {
    return await work(ended.signal);
  } finally {
    for (const signal of signals) {
      signal.removeEventListener("abort", end);
    }
  }
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

function decodePath(text: string): string {
  return attempt(() => decodeURIComponent(text)) ?? text;
}
