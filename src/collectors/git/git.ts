// Runs git for everybody in this room: hardened, bounded, ended for good at the deadline.

/** How one call of git is to be run. */
export interface RunOptions {
  /**
   * Absolute, real path of the directory to run in: the root of a work tree. git does not look for a repository
   * above it, so that a repository that vanishes is never mistaken for the one around it.
   */
  readonly cwd: string;
  /** Ends git, and everything that git started, when aborted. */
  readonly signal: AbortSignal;
  /**
   * Configuration for this call only, on top of the hardening. Commands that compare file contents (`status`,
   * `diff`, `ls-files -m`) need what `blankedFilters` gives, or they run the filters that the repository names.
   */
  readonly config?: readonly (readonly [key: string, value: string])[];
  /** Root of the work tree, whatever `core.worktree` says. Default: what git finds out. */
  readonly workTree?: string;
  /** Written to git's standard input. Default: standard input is empty. */
  readonly input?: string | Buffer;
  /** Output past this many bytes is not read: git is ended and the result is `truncated`. Default 16 MiB. */
  readonly maxBytes?: number;
}

/** How a call is to be run that compares file contents: what `blankedFilters` gives is not forgotten. */
export interface ContentOptions extends RunOptions {
  readonly config: NonNullable<RunOptions["config"]>;
}

/** What git answered. A non-zero exit code is an answer too: the caller knows what it means. */
export interface GitResult {
  /** -1 when git was ended because of `maxBytes`; 128 and the signal's number when something else ended it. */
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** Under LC_ALL=C; never data, but it may tell why something failed. At most 64 KiB of it. */
  readonly stderr: string;
  readonly truncated: boolean;
}

/**
 * Runs git. Rejects with a `CollectError` when git cannot be run at all (GIT_NOT_INSTALLED, REPOSITORY_GONE,
 * PERMISSION_DENIED, GIT_FAILED), and with the signal's reason when aborted, after git has been killed.
 */
export interface Git {
  run(args: readonly string[], options: RunOptions): Promise<GitResult>;
}
