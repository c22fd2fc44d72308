// The stream of states: the whole state first, then one per change, and a heartbeat when nothing changes.

import { toJsonString } from "@bufbuild/protobuf";
import { MetadataEntrySchema } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import type { Selection } from "./selection.ts";
import type { MetadataService } from "./service.ts";
import type { Snapshot } from "./snapshot.ts";

/** How a watch is to run. */
export interface WatchOptions {
  readonly selection: Selection;
  /** How long nothing may be sent before the state is sent again unchanged, in milliseconds. */
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
}

/** Changes that follow a sent one within this time are sent together, in milliseconds. */
const MERGE_MS = 50;

/** How often sources whose changes no event tells of are read while somebody watches, in milliseconds. */
const POLL_MS = 1_000;

/**
 * Yields the state of the selected metadata at once and again after every change of it. Each state is the newest one at
 * the moment the reader asks for it, so a slow reader has no backlog. Ends when `signal` is aborted.
 */
export async function* watchMetadata(
  service: MetadataService,
  { selection, heartbeatMs, signal }: WatchOptions,
): AsyncGenerator<Snapshot, void, undefined> {
  let sent: string | undefined;
  let sentAt = 0;
  while (!signal.aborted) {
    const snapshot = await service.read({ selection, signal });
    const state = fingerprint(service, snapshot, selection);
    if (state !== sent || performance.now() - sentAt >= heartbeatMs) {
      sent = state;
      yield snapshot;
      sentAt = performance.now();
      await changeOrTimeout(service, MERGE_MS, signal, false);
    } else {
      const heartbeatInMs = sentAt + heartbeatMs - performance.now();
      await changeOrTimeout(service, Math.min(POLL_MS, heartbeatInMs), signal, true);
    }
  }
}

/** What a reader of the selection sees, but for ages and times: equal for equal states. */
export function fingerprint(service: MetadataService, snapshot: Snapshot, selection: Selection): string {
  const parts = [...service.sources()]
    .filter(([name]) => selection.sources.has(name))
    .map(([name, { report }]) => `${name} ${report.state} ${report.reason}`);
  for (const { key } of selection.leaves) {
    const entry = snapshot.entries.get(key);
    if (entry) {
      parts.push(key, toJsonString(MetadataEntrySchema, entry));
    }
  }
  return parts.join("\n");
}

/** Resolves at a change of any metadata (unless told to wait for time alone), after a time, or when aborted. */
function changeOrTimeout(
  service: MetadataService,
  timeoutMs: number,
  signal: AbortSignal,
  onChange: boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, timeoutMs);
    const unsubscribe = onChange ? service.subscribe(finish) : () => undefined;
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) {
      finish();
    }
  });
}
