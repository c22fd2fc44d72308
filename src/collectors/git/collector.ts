// The collector of the section `git`: finds the repositories, chooses the primary one, reads it.

import { join } from "node:path";
import {
  type CollectContext,
  CollectError,
  type Collected,
  type Collector,
  type Problem,
} from "../collector.ts";
import { readActivity } from "./activity.ts";
import { CheckoutMemory } from "./checkout-memory.ts";
import { Comparing } from "./comparing.ts";
import { ConfigMemory } from "./config-memory.ts";
import { type Discovery, discover } from "./discovery.ts";
import { exists, stamp } from "./files.ts";
import { Following } from "./following.ts";
import type { Git } from "./git.ts";
import { LastFetch } from "./last-fetch.ts";
import type { RepositoryLocation } from "./location.ts";
import { LockWait } from "./lock-wait.ts";
import { Memory } from "./memory.ts";
import { toMetadata } from "./metadata.ts";
import { PrimaryChoice } from "./primary.ts";
import { type Reading, readRepository } from "./read-repository.ts";
import { countStashes } from "./stashes.ts";
import { TrustCheck } from "./trust-check.ts";
import { WorkTree } from "./work-tree.ts";

/** What {@link createGitCollector} needs. */
export interface GitCollectorOptions {
  readonly git: Git;
  /** Absolute path of the directory where discovery of repositories begins. */
  readonly workspace: string;
  /** Where the user's settings for git lie, for the global ignore file, as in the options of the runner. */
  readonly xdgConfigHome?: string;
  /** How long one call of git that is no part of a collection may take, in milliseconds. Default 5000. */
  readonly gitDeadlineMs?: number;
  /** What tells of changes. Default: file events. */
  readonly following?: Pick<Following, keyof Following>;
  /**
   * How long the comparison of file contents (`git.diff`) may take, in milliseconds. After that, its numbers are absent and all
   * else is served. Default 2000: well within the deadline of a collection.
   */
  readonly diffBudgetMs?: number;
  /**
   * Size of the index, in bytes, from which on not all files are looked at after each write of it. Default 1 MiB: some ten thousand
   * files, of which `git status` takes 20 ms.
   */
  readonly largeIndexBytes?: number;
}

/** See {@link GitCollectorOptions.diffBudgetMs}: what takes longer is left out, and all else of git is served in time. */
const DEFAULT_DIFF_BUDGET_MS = 2_000;
/** Git takes milliseconds; one that takes so long hangs, on a FIFO or a file system that does not answer. */
const DEFAULT_GIT_DEADLINE_MS = 5_000;
const DEFAULT_LARGE_INDEX_BYTES = 1024 * 1024;

/**
 * Makes the collector of the section `git`. Its collections throw a CollectError with one of these reasons: GIT_NOT_INSTALLED,
 * DUBIOUS_OWNERSHIP, BARE_REPOSITORY, EMBEDDED_BARE_REPOSITORY, PERMISSION_DENIED, REPOSITORY_GONE, WORKSPACE_NOT_FOUND,
 * WORKSPACE_UNREADABLE, FOREIGN_GIT_DIRECTORY, FOREIGN_WORK_TREE, UNSAFE_CONFIG, INVALID_CONFIG, UNSUPPORTED_REPOSITORY,
 * OBJECTS_MISSING, GIT_TOO_OLD, BRANCH_UNREADABLE, CHANGED_WHILE_READING, OUT_OF_RESOURCES, GIT_FAILED. "Not a repository" is no
 * error but the outcome `no_data`.
 */
export function createGitCollector(options: GitCollectorOptions): Collector {
  const { git, workspace } = options;
  const diffBudgetMs = options.diffBudgetMs ?? DEFAULT_DIFF_BUDGET_MS;
  const largeIndexBytes = options.largeIndexBytes ?? DEFAULT_LARGE_INDEX_BYTES;
  const trust = new TrustCheck(git);
  const primary = new PrimaryChoice();
  const lockWait = new LockWait();
  const memory = new Memory(git);
  const lastFetch = new LastFetch();
  const configs = new ConfigMemory(git, options.xdgConfigHome);
  const comparing = new Comparing(git);
  const workTree = new WorkTree(git);
  const checkouts = new CheckoutMemory(memory, options.gitDeadlineMs ?? DEFAULT_GIT_DEADLINE_MS);
  const following = options.following ?? new Following(options);
  let found: readonly RepositoryLocation[] = [];

  async function collect({ signal }: CollectContext): Promise<Collected> {
    await following.settled();
    const { trusted, refused, inside } = await findRepositories(signal);
    const hadRepository = found.length > 0;
    if (trusted.length > 0) found = trusted;
    const location = await choosePrimary(trusted, inside, signal);
    following.follow(
      location === undefined ? [] : [location],
      trusted.filter((other) => other !== location),
    );
    await following.settled();
    if (location === undefined) {
      const refusal = refused.find(({ reason }) => reason !== "NOT_A_REPOSITORY");
      if (refusal !== undefined) throw refusal;
      if (hadRepository) throw gone(workspace);
      return {
        outcome: "no_data",
        reason: "NOT_A_REPOSITORY",
        message: `No git repository in ${workspace}.`,
      };
    }
    return await read(location, new Set(trusted.map(({ commonDir }) => commonDir)).size, refused, signal);
  }

  async function findRepositories(signal: AbortSignal) {
    const { inside, repositories, workspace: realWorkspace } = await discoverOrGone();
    trust.keep(repositories);
    const trusted: RepositoryLocation[] = [];
    const refused: CollectError[] = [];
    const checks = repositories.map((location) => trust.check(location, realWorkspace, signal));
    for (const [index, check] of (await Promise.allSettled(checks)).entries()) {
      const location = repositories[index];
      if (check.status === "fulfilled" && location !== undefined) trusted.push(location);
      else if (check.status === "rejected") refused.push(asCollectError(check.reason, signal));
    }
    return { trusted, refused, inside };
  }

  async function discoverOrGone(): Promise<Discovery> {
    try {
      return await discover(workspace);
    } catch (error) {
      const vanished =
        error instanceof CollectError && error.reason === "WORKSPACE_NOT_FOUND" && found.length > 0;
      throw vanished ? gone(workspace) : error;
    }
  }

  async function choosePrimary(
    trusted: readonly RepositoryLocation[],
    inside: boolean,
    signal: AbortSignal,
  ): Promise<RepositoryLocation | undefined> {
    if (inside) return trusted[0];
    const candidates = await Promise.all(
      trusted.map(async (location) => ({
        root: location.root,
        activity: await readActivity(git, location, signal),
      })),
    );
    const root = primary.choose(candidates);
    return trusted.find((location) => location.root === root);
  }

  async function read(
    location: RepositoryLocation,
    repositoryCount: number,
    refused: readonly CollectError[],
    signal: AbortSignal,
  ): Promise<Collected> {
    const call = { cwd: location.root, signal };
    const reading = await readOrGone(location, signal);
    const { oid } = reading.status;
    const [shallow, grafts] = await Promise.all(
      ["shallow", "info/grafts"].map((file) => stamp(join(location.commonDir, file))),
    );
    const history = `${shallow} ${grafts}`;
    const distance = async (theirs: string | undefined) =>
      oid === undefined || theirs === undefined ? undefined : memory.divergence(oid, theirs, history, call);
    const [commit, upstream, base, lastFetchMs] = await Promise.all([
      oid === undefined ? undefined : memory.commit(oid, call),
      distance(reading.branch === undefined ? undefined : reading.refs.upstreamOid),
      distance(reading.refs.base?.oid),
      lastFetch.atMs(location),
    ]);
    const warning = warningOf(reading, refused);
    const section = toMetadata({
      location,
      reading,
      ...(commit !== undefined && { commit }),
      ...(upstream !== undefined && { upstream }),
      ...(base !== undefined && { base }),
      ...(lastFetchMs !== undefined && { lastFetchMs }),
      shallow: shallow !== "absent",
      stashes: reading.status.stashes || (await countStashes(location)),
      repositoryCount,
    });
    const isCutOff = shallow !== "absent" || grafts !== "absent";
    return {
      outcome: "data",
      metadata: { git: section },
      ...(warning !== undefined && { warning }),
      checkout: checkouts.take(location, reading, { stamp: history, isCutOff }),
    };
  }

  /** A repository that was found and is none any more has vanished in between. */
  async function readOrGone(location: RepositoryLocation, signal: AbortSignal): Promise<Reading> {
    try {
      const touched = following.takeTouched();
      const common = { signal, lockWait, configs, comparing, workTree, diffBudgetMs, largeIndexBytes };
      return await readRepository(git, location, { ...common, ...(touched !== undefined && { touched }) });
    } catch (error) {
      following.forgetTouched();
      signal.throwIfAborted();
      throw (await exists(join(location.root, ".git"))) ? error : gone(location.root);
    }
  }

  return {
    source: "git",
    collect,
    watch: (listener, signal) => following.begin(listener, signal),
  };
}

function warningOf({ status, diff }: Reading, refused: readonly CollectError[]): Problem | undefined {
  if (status.truncated) {
    return { reason: "TRUNCATED", message: "There are more changed files than are counted." };
  }
  if (diff === undefined) {
    return { reason: "DIFF_UNAVAILABLE", message: "The size of the change could not be found out in time." };
  }
  return refused.find(({ reason }) => reason !== "NOT_A_REPOSITORY");
}

function gone(directory: string): CollectError {
  const message = `The repository at ${directory} does not exist any more.`;
  return new CollectError("REPOSITORY_GONE", message, { invalidates: true });
}

/** What is not an outcome of the check, such as an abort, is passed on. */
function asCollectError(error: unknown, signal: AbortSignal): CollectError {
  signal.throwIfAborted();
  if (error instanceof CollectError) return error;
  throw error;
}
