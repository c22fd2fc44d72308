// The metadata as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

import type { Selection } from "../metadata/selection.ts";
import type { MetadataService } from "../metadata/service.ts";
import type { Snapshot } from "../metadata/snapshot.ts";
import { watchMetadata } from "../metadata/watch.ts";
import { EVENT_LIMITS } from "./limits.ts";
import { type Request, type Response, sendHead } from "./message.ts";
import type { Write } from "./outflow.ts";

/** What a stream of events is made of. */
export interface EventsOptions {
  readonly service: MetadataService;
  readonly selection: Selection;
  /** The whole answer for a snapshot, on one line. */
  readonly json: (snapshot: Snapshot) => string;
  readonly write: Write;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Stands for the request where that is traced. */
  readonly cause: object | undefined;
}

/**
 * Answers with one event for the current state and one for every change after it, until `signal` is aborted. A client that
 * comes back with the current revision as `Last-Event-ID` has that state already.
 */
export async function sendEvents(
  request: Request,
  response: Response,
  options: EventsOptions,
): Promise<void> {
  const { service, selection, json, write, signal, cause } = options;
  // nginx, and proxies that learned it from there, pass on at once what says so.
  sendHead(response, 200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  // Said first, so that the client knows at once that it is connected.
  await write(Buffer.from(`retry: ${EVENT_LIMITS.retryMs}\n\n`));
  let known = await knownFingerprint(request, options);
  const watch = watchMetadata(service, {
    selection,
    heartbeatMs: EVENT_LIMITS.heartbeatMs,
    signal,
    cause,
    ...(known === undefined ? {} : { known }),
  });
  for await (const snapshot of watch) {
    const state = snapshot.fingerprint(selection);
    const event = `event: metadata\nid: ${snapshot.revision}\ndata: ${json(snapshot)}\n\n`;
    await write(Buffer.from(state === known ? ": nothing has changed\n\n" : event));
    known = state;
  }
  response.end();
}

async function knownFingerprint(
  request: Request,
  { service, selection, signal, cause }: EventsOptions,
): Promise<string | undefined> {
  const lastId = request.headers["last-event-id"];
  if (lastId === undefined) {
    return undefined;
  }
  try {
    await service.read({ selection, signal, cause });
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
  const { snapshot } = service;
  return lastId === snapshot.revision ? snapshot.fingerprint(selection) : undefined;
}
