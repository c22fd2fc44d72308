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
  let sentAt = performance.now();
  await currentOrEnded(service, selection, signal);
  while (!signal.aborted) {
    const { snapshot } = service;
    const state = fingerprint(service, snapshot, selection);
    if (state !== sent || performance.now() - sentAt >= heartbeatMs) {
      sent = state;
      yield snapshot;
      sentAt = performance.now();
      await changeOrTimeout(service, MERGE_MS, signal, false);
    } else if (await changeOrTimeout(service, Math.min(POLL_MS, heartbeatInMs()), signal, true)) {
      continue;
    }
    await currentOrChanged(service, selection, heartbeatInMs(), signal);
  }

  function heartbeatInMs(): number {
    return Math.max(0, sentAt + heartbeatMs - performance.now());
  }
}

/** Resolves once the selected sources are current, or when `signal` is aborted. */
async function currentOrEnded(
  service: MetadataService,
  selection: Selection,
  signal: AbortSignal,
): Promise<void> {
  try {
    await service.read({ selection, signal });
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

/** The same, or at a change of any metadata, or after a time: a source that hangs holds up no other one's news. */
async function currentOrChanged(
  service: MetadataService,
  selection: Selection,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) {
    end();
  }
  await Promise.race([
    currentOrEnded(service, selection, over.signal),
    changeOrTimeout(service, timeoutMs, over.signal, true),
  ]);
  signal.removeEventListener("abort", end);
  end();
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

/**
 * Resolves at a change of any metadata (unless told to wait for time alone), after a time, or when aborted.
 *
 * @returns whether it was a change.
 */
function changeOrTimeout(
  service: MetadataService,
  timeoutMs: number,
  signal: AbortSignal,
  onChange: boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isChange: boolean): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", finishWithout);
      resolve(isChange);
    };
    const finishWithout = (): void => finish(false);
    const timer = setTimeout(finishWithout, timeoutMs);
    const unsubscribe = onChange ? service.subscribe(() => finish(true)) : () => undefined;
    signal.addEventListener("abort", finishWithout, { once: true });
    if (signal.aborted) {
      finish(false);
    }
  });
}
