// The events of one directory, as the kernel tells them through `fs.watch`. Paths and names in the watcher's files are
// byte strings: one character per byte (latin1), so that a name that is not UTF-8 is still found, watched and compared.

import { watch } from "node:fs";
import { CollectError } from "../collector.ts";

/** What one watched directory reports. */
export interface DirectoryListener {
  /**
   * An entry was created, removed, moved or had its permissions changed (`renamed`), or its content was written.
   * Without a name it may have been any entry. A directory that is itself moved or removed reports its own name.
   */
  heard(entry: string | null, renamed: boolean): void;
  /** No further events come. */
  failed(error: unknown): void;
}

export interface DirectoryWatcher {
  close(): void;
}

/** Watches one directory, not what is below it. Throws what `fs.watch` throws. */
export type WatchDirectory = (path: string, listener: DirectoryListener) => DirectoryWatcher;

export const watchDirectory: WatchDirectory = (path, listener) => {
  const watcher = watch(toPath(path), { encoding: "latin1" }, (event, entry) =>
    listener.heard(entry, event === "rename"),
  );
  watcher.on("error", (error) => listener.failed(error));
  return watcher;
};

/** The path for the file system's functions. */
export function toPath(bytes: string): Buffer {
  return Buffer.from(bytes, "latin1");
}

export function toBytes(path: string): string {
  return Buffer.from(path).toString("latin1");
}

/** The path for a person and for git; what is not UTF-8 becomes U+FFFD. */
export function toText(bytes: string): string {
  return toPath(bytes).toString("utf8");
}

export function join(directory: string, entry: string): string {
  return directory === "/" ? `/${entry}` : `${directory}/${entry}`;
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether the error says that there is no directory at this path (any more). */
export function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

export function isForbidden(error: unknown): boolean {
  const code = errorCode(error);
  return code === "EACCES" || code === "EPERM";
}

/** Why events cannot be had, from what `fs.watch` threw or reported. */
export function watchFailure(error: unknown): CollectError {
  if (error instanceof CollectError) return error;
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EMFILE" || code === "ENFILE") {
    return new CollectError(
      "WATCH_LIMIT_REACHED",
      "The system's limit of file watches is reached (fs.inotify.max_user_watches or max_user_instances): every read collects anew.",
      { cause: error },
    );
  }
  return new CollectError("WATCH_FAILED", "File events cannot be had: every read collects anew.", {
    cause: error,
  });
}
