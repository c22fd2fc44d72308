// Tells by file events when anything has changed that an answer about these repositories is made of, so that an answer
// may be given again without running git. Reads files and runs git; never writes.

import { setImmediate } from "node:timers/promises";
import type { Problem, WatchListener } from "../collector.ts";
import type { Git } from "./git.ts";
import type { RepositoryLocation } from "./location.ts";
import { toText, type WatchDirectory, watchDirectory, watchFailure } from "./watch-directory.ts";
import { readMounts } from "./watch-mounts.ts";
import { noticeOverflow, readQueueLength } from "./watch-overflow.ts";
import { Session } from "./watch-session.ts";

/** Ends a git that hangs, unless told otherwise. In milliseconds. */
const GIT_DEADLINE_MS = 5_000;

/** After a pass of this length, the next one may wait four times as long: in a burst, git is run for many changes at once. */
const REST_FACTOR = 4;
const MAX_REST_MS = 500;

export interface WatchOptions {
  readonly git: Git;
  /** Absolute, real path of the directory where discovery of repositories begins. */
  readonly workspace: string;
  /** Absolute paths of the symbolic links on the way to the workspace, as its user named it. Default: none. */
  readonly links?: readonly string[];
  /** Repositories of which every change counts. */
  readonly locations: readonly RepositoryLocation[];
  /** Repositories of which only their git directory counts (commits, checkouts): the work tree is not watched. Default: none. */
  readonly headsOf?: readonly RepositoryLocation[];
  readonly listener: WatchListener;
  /**
   * Hears, before `listener.changed`, which entry of the work tree may have changed: its path relative to the root, in UTF-8; `.git`
   * for what git itself keeps, and no file. Absent: anything may have. Default: nobody hears.
   */
  readonly touched?: (path: string | undefined) => void;
  /** Ends everything: no watcher, timer or process is left. */
  readonly signal: AbortSignal;
  /** The user's directory for settings, as git is told it. Default: `~/.config`. */
  readonly xdgConfigHome?: string;
  /** How long one call of git may take, in milliseconds. Default 5000. */
  readonly gitDeadlineMs?: number;
  /** Default: `fs.watch`. */
  readonly watchDirectory?: WatchDirectory;
  /** Lists mounts like /proc/self/mountinfo, which is the default. */
  readonly readMounts?: () => Promise<string>;
}

export interface RepositoryWatch {
  /** Watches these repositories from now on. The same ones again: nothing happens. */
  follow(locations: readonly RepositoryLocation[], headsOf?: readonly RepositoryLocation[]): void;
  /**
   * Resolves when all directories that events have told of so far are watched; never rejects. What is collected after
   * that, and not followed by `changed()`, is current. What is collected before it may miss changes in a new directory,
   * for half a second in a burst, and is followed by `changed()`. May take as long as git does: to be raced with a deadline.
   */
  settled(): Promise<void>;
}

/** Begins to watch, and returns at once: the listener is told when coverage is complete, or why it cannot be had. */
export function watchRepositories(options: WatchOptions): RepositoryWatch {
  return new Watch(options);
}

class Watch implements RepositoryWatch {
  readonly #options: WatchOptions;
  readonly #git: Git;
  #locations: readonly RepositoryLocation[];
  #headsOf: readonly RepositoryLocation[];
  #session: Session | undefined;
  #outdated = true;
  /** Events cannot be had: nothing is watched until other repositories are followed. */
  #failed = false;
  #scheduled = false;
  #lastPass: Promise<void> = Promise.resolve();
  #queueLength: number | undefined;
  #coverage: string | undefined;
  #restUntil = 0;
  /** Somebody waits for the pass that is scheduled. */
  #hurried = false;
  #endRest: (() => void) | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#git = withDeadline(options.git, options.gitDeadlineMs ?? GIT_DEADLINE_MS);
    this.#locations = options.locations;
    this.#headsOf = options.headsOf ?? [];
    options.signal.addEventListener("abort", () => this.#end(), { once: true });
    this.#schedule();
  }

  follow(locations: readonly RepositoryLocation[], headsOf: readonly RepositoryLocation[] = []): void {
    if (isSame(locations, this.#locations) && isSame(headsOf, this.#headsOf)) return;
    this.#locations = locations;
    this.#headsOf = headsOf;
    this.#failed = false;
    this.#restart();
  }

  settled(): Promise<void> {
    this.#hurried = this.#scheduled;
    this.#endRest?.();
    return this.#lastPass;
  }

  #restart(): void {
    this.#outdated = true;
    this.#changed();
    this.#schedule();
  }

  /** Whatever is to do is done in one pass, which begins after all events that are delivered together with this one. */
  #schedule(): void {
    if (this.#scheduled || this.#failed || this.#options.signal.aborted) return;
    this.#scheduled = true;
    this.#lastPass = this.#lastPass.then(() => this.#pass());
  }

  async #pass(): Promise<void> {
    await setImmediate();
    await this.#rest();
    this.#scheduled = false;
    this.#hurried = false;
    if (this.#failed || this.#options.signal.aborted) return;
    const began = performance.now();
    try {
      const session = await this.#current();
      const missed = await session.settle();
      if (this.#failed || this.#options.signal.aborted) return;
      const { problem } = session;
      if (problem !== undefined) this.#report(problem);
      else if (!session.stale && !this.#outdated) this.#report("complete");
      if (missed) this.#changed();
    } catch (error) {
      this.#fail(error);
    } finally {
      const ended = performance.now();
      this.#restUntil = ended + Math.min((ended - began) * REST_FACTOR, MAX_REST_MS);
    }
  }

  async #rest(): Promise<void> {
    const restMs = this.#restUntil - performance.now();
    if (restMs <= 0 || this.#hurried || this.#options.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, restMs);
      this.#endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endRest = undefined;
  }

  #end(): void {
    this.#session?.close();
    this.#endRest?.();
  }

  /** The session that watches what is to be watched now. */
  async #current(): Promise<Session> {
    if (this.#session !== undefined && !this.#outdated) return this.#session;
    this.#outdated = false;
    this.#session?.close();
    this.#queueLength ??= await readQueueLength(this.#options.signal);
    this.#options.signal.throwIfAborted();
    const watch = this.#options.watchDirectory ?? watchDirectory;
    const restart = () => this.#restart();
    const session = new Session({
      git: this.#git,
      workspace: this.#options.workspace,
      links: this.#options.links ?? [],
      locations: this.#locations,
      headsOf: this.#headsOf,
      xdgConfigHome: this.#options.xdgConfigHome,
      watchDirectory: noticeOverflow(watch, this.#queueLength, restart),
      readMounts: this.#options.readMounts ?? readMounts,
      changed: (path) => this.#changed(path),
      stale: () => this.#schedule(),
      outdated: restart,
      failed: (error) => this.#fail(error),
    });
    this.#session = session;
    await session.open();
    return session;
  }

  #changed(path?: string): void {
    if (this.#options.signal.aborted) return;
    this.#options.touched?.(path === undefined ? undefined : toText(path));
    this.#options.listener.changed();
  }

  /** Events of a part are of no use: reads collect anyway, and the watches are better left to others. */
  #fail(error: unknown): void {
    if (this.#failed || this.#options.signal.aborted) return;
    this.#failed = true;
    this.#session?.close();
    this.#session = undefined;
    this.#report(watchFailure(error));
    this.#changed();
  }

  #report(coverage: "complete" | Problem): void {
    const said = coverage === "complete" ? coverage : `${coverage.reason} ${coverage.message}`;
    if (said === this.#coverage) return;
    this.#coverage = said;
    this.#options.listener.coverage(coverage);
    if (coverage === "complete") this.#changed();
  }
}

function isSame(some: readonly RepositoryLocation[], others: readonly RepositoryLocation[]): boolean {
  const text = (locations: readonly RepositoryLocation[]) =>
    JSON.stringify(locations.map(({ root, gitDir, commonDir }) => [root, gitDir, commonDir]));
  return text(some) === text(others);
}

function withDeadline(git: Git, deadlineMs: number): Git {
  return {
    async run(args, options) {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), deadlineMs);
      try {
        return await git.run(args, {
          ...options,
          signal: AbortSignal.any([options.signal, deadline.signal]),
        });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
