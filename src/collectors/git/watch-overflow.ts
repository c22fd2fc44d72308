// The kernel drops events when its queue is full, and libuv drops the kernel's word about it (IN_Q_OVERFLOW carries no
// directory). A full queue shows all the same: it is delivered in one turn of the event loop.

import { readFile } from "node:fs/promises";
import type { WatchDirectory } from "./watch-directory.ts";

/** The kernel's default of `fs.inotify.max_queued_events`. */
const DEFAULT_QUEUE_LENGTH = 16_384;

/** How many events the kernel keeps for us before it drops the rest. */
export async function readQueueLength(signal: AbortSignal): Promise<number> {
  const path = "/proc/sys/fs/inotify/max_queued_events";
  const text = await readFile(path, { encoding: "latin1", signal }).catch(() => "");
  const length = Number.parseInt(text, 10);
  return length > 0 ? length : DEFAULT_QUEUE_LENGTH;
}

/**
 * The same watching, and `overflowed` called after a turn that brought half a queue or more. Half, because events of
 * watchers closed meanwhile count in the kernel's queue and are not seen here.
 */
export function noticeOverflow(
  watchDirectory: WatchDirectory,
  queueLength: number,
  overflowed: () => void,
): WatchDirectory {
  let heardThisTurn = 0;
  const endTurn = () => {
    if (heardThisTurn * 2 >= queueLength) overflowed();
    heardThisTurn = 0;
  };
  return (path, listener) =>
    watchDirectory(path, {
      heard: (entry, renamed) => {
        if (heardThisTurn === 0) setImmediate(endTurn);
        heardThisTurn += 1;
        listener.heard(entry, renamed);
      },
      failed: listener.failed,
    });
}
