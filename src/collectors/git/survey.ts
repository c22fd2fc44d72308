// One look at a workspace without following it: what is collected there, and how many directories would be watched. Goes by the
// collector and its own rules for what is watched; opens no watch.

import { accessSync, constants } from "node:fs";
import type { Collected, Problem } from "../collector.ts";
import { createGitCollector } from "./collector.ts";
import { Following } from "./following.ts";
import type { Git } from "./git.ts";
import { toPath, type WatchDirectory } from "./watch-directory.ts";

export interface SurveyOptions {
  readonly git: Git;
  /** As in the options of the collector. */
  readonly workspace: string;
  readonly xdgConfigHome?: string;
  /** How long the collection may take, and each call of git beside it. In milliseconds. */
  readonly gitDeadlineMs: number;
}

export interface Survey {
  /** What one collection finds. Rejects as the collector does, and with a TimeoutError when it takes too long. */
  readonly collected: Promise<Collected>;
  /** Whether all would be watched that has to be, or why not. Rejects with {@link collected}, and when the survey is aborted. */
  readonly covered: Promise<"complete" | Problem>;
  /** How many directories were found so far that would be watched. */
  readonly directories: number;
}

/** Begins at once. @param signal Ends it. */
export function surveyWorkspace(options: SurveyOptions, signal: AbortSignal): Survey {
  const directories = new Set<string>();
  const count: WatchDirectory = (path) => {
    // What a watch would need, and fail with.
    accessSync(toPath(path), constants.R_OK);
    directories.add(path);
    return { close: () => undefined };
  };
  const following = new Following({ ...options, watchDirectory: count });
  const collector = createGitCollector({ ...options, following });
  const { promise: coverage, resolve, reject } = Promise.withResolvers<"complete" | Problem>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  collector.watch?.({ changed: () => undefined, coverage: resolve }, signal);
  const collected = collector.collect({
    signal: AbortSignal.any([signal, AbortSignal.timeout(options.gitDeadlineMs)]),
  });
  const covered = collected.then(() => coverage);
  // Whoever asks is told.
  for (const promise of [collected, coverage, covered]) {
    promise.catch(() => undefined);
  }
  return {
    collected,
    covered,
    get directories() {
      return directories.size;
    },
  };
}
