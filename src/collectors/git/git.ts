// Runs git for everybody in this room: hardened, bounded, ended for good at the deadline.

/** How one call of git is to be run. */
export interface RunOptions {
  /** Absolute path of the directory to run in. */
  readonly cwd: string;
  /** Ends git, and everything that git started, when aborted. */
  readonly signal: AbortSignal;
  /** Configuration for this call only, on top of the hardening. */
  readonly config?: readonly (readonly [key: string, value: string])[];
  /** Written to git's standard input. Default: standard input is empty. */
  readonly input?: string | Buffer;
  /** Output past this many bytes is not read: git is ended and the result is `truncated`. Default 16 MiB. */
  readonly maxBytes?: number;
}

/** What git answered. A non-zero exit code is an answer too: the caller knows what it means. */
export interface GitResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** Under LC_ALL=C; never data, but it may tell why something failed. At most 64 KiB of it. */
  readonly stderr: string;
  readonly truncated: boolean;
}

/** Runs git. Rejects with a `CollectError` when git cannot be run at all (GIT_NOT_INSTALLED), and with the signal's reason when aborted. */
export interface Git {
  run(args: readonly string[], options: RunOptions): Promise<GitResult>;
}
