// Follows the task file by the events of its directory: the file itself comes, goes and is replaced.

import { type FSWatcher, statfsSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Problem, WatchListener } from "../collector.ts";

/** File systems that tell of no change made on another machine (statfs(2)): NFS, SMB, SMB2, CIFS, 9P, FUSE, AFS, Ceph. */
const REMOTE_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x01021997, 0x65735546, 0x5346414f, 0x00c36400,
]);

/**
 * Tells of every change of the file until `signal` is aborted. Where its directory is missing, remote or goes away, coverage
 * is incomplete from then on: every read looks at the file, which is cheap.
 */
export function watchTaskFile(file: string, listener: WatchListener, signal: AbortSignal): void {
  const directory = dirname(file);
  const name = basename(file);
  let watcher: FSWatcher | undefined;
  const end = (): void => {
    signal.removeEventListener("abort", end);
    watcher?.close();
  };
  const lose = (why: string): void => {
    end();
    listener.coverage(notFollowed(directory, why));
  };
  if (signal.aborted) {
    return;
  }
  try {
    if (REMOTE_FILE_SYSTEMS.has(statfsSync(directory).type)) {
      listener.coverage(notFollowed(directory, "its file system may be a remote one"));
      return;
    }
    watcher = watch(directory);
  } catch (error) {
    listener.coverage(notFollowed(directory, String((error as NodeJS.ErrnoException).code)));
    return;
  }
  watcher.on("change", (event, entry) => {
    if (entry === null || entry === name) {
      listener.changed();
    }
    // A directory that is itself moved or removed reports its own name, and nothing after that.
    if (entry === null || (event === "rename" && entry === basename(directory))) {
      lose("it was moved or removed");
    }
  });
  watcher.on("error", (error: NodeJS.ErrnoException) => lose(String(error.code)));
  signal.addEventListener("abort", end, { once: true });
  listener.coverage("complete");
}

function notFollowed(directory: string, why: string): Problem {
  const message = `the directory ${directory} is not followed by events (${why}): every read looks at the task file`;
  return { reason: "NOT_FOLLOWED", message };
}
