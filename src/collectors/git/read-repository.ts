// One consistent reading of one repository.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CollectError } from "../collector.ts";
import type { Compared, Comparing } from "./comparing.ts";
import { type Config, values } from "./config.ts";
import type { ConfigMemory } from "./config-memory.ts";
import { type Diff, emptyTree, NOTHING, readDiff, total } from "./diff.ts";
import type { ContentOptions, Git } from "./git.ts";
import type { RepositoryLocation } from "./location.ts";
import type { LockWait } from "./lock-wait.ts";
import { type Moment, readMoment } from "./moment.ts";
import type { Status } from "./status.ts";
import { type Conditions, GIT_DIRECTORY, type Seen, type WorkTree } from "./work-tree.ts";

/** What one reading found; everything in it belongs to one moment. */
export interface Reading extends Compared {
  readonly status: Status;
  readonly moment: Moment;
  /** Short name of the branch that HEAD names. Absent when HEAD is detached. */
  readonly branch?: string;
  /** The same, or else the branch that is being rebased: what a person takes for the current branch, and what is compared. */
  readonly shownBranch?: string;
  /** Absent when it could not be found out in its time. */
  readonly diff?: Diff;
}

/** What a reading needs. */
export interface ReadingOptions {
  readonly signal: AbortSignal;
  readonly lockWait: LockWait;
  readonly configs: ConfigMemory;
  readonly comparing: Comparing;
  readonly workTree: WorkTree;
  /** Paths that may have changed since the last reading of this repository. Absent: any. */
  readonly touched?: readonly string[];
  /** Size from which on an index is large enough for its files not all to be looked at whenever it is written. */
  readonly largeIndexBytes: number;
  /** How long the comparison of contents may take, in milliseconds. */
  readonly diffBudgetMs: number;
}

/** How long a reading is repeated to find the repository standing still. */
const STANDSTILL_MS = 60;
/** How long it is repeated to find at least no checkout under way. */
const GIVE_UP_MS = 1_000;
/** A checkout releases the index first and writes HEAD after it; this is ample time for the second. */
const CHECKOUT_MS = 20;

/**
 * Reads the repository, again and again while it changes under the reading. When it never stands still, because one
 * commit follows the other, a reading serves during which there was no checkout.
 *
 * @throws {CollectError} CHANGED_WHILE_READING, or what git says against the repository.
 */
export async function readRepository(
  git: Git,
  location: RepositoryLocation,
  options: ReadingOptions,
): Promise<Reading> {
  const startedAt = performance.now();
  for (;;) {
    const idleLock = await options.lockWait.wait(location, options.signal);
    const before = await readMoment(location, idleLock);
    const { reading, seen, conditions } = await readOnce(git, location, before, options);
    const after = await readMoment(location, idleLock);
    if (before.stamp === after.stamp && !before.locked) {
      options.workTree.keep(seen, conditions);
      return reading;
    }
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs < STANDSTILL_MS || seen.isPartial) continue;
    if (!before.locked && !after.locked) {
      await delay(CHECKOUT_MS, undefined, { signal: options.signal });
      if (before.checkout === (await readMoment(location, idleLock)).checkout) return reading;
    }
    if (elapsedMs < GIVE_UP_MS) continue;
    const message = `The repository at ${location.root} kept changing while it was read.`;
    throw new CollectError("CHANGED_WHILE_READING", message, { waitedInVain: true });
  }
}

async function readOnce(
  git: Git,
  location: RepositoryLocation,
  moment: Moment,
  options: ReadingOptions,
): Promise<{ reading: Reading; seen: Seen; conditions: Conditions }> {
  const { signal, diffBudgetMs, largeIndexBytes, configs, comparing, workTree, touched } = options;
  const { config, blanked } = await configs.read(location, signal);
  const call = { cwd: location.root, workTree: location.root, signal, config: blanked };
  const { rebasedBranch } = moment.operation;
  const hint = shortName(moment.branchRef) ?? rebasedBranch;
  const isLarge = moment.indexBytes >= largeIndexBytes && objectFormat(config) === undefined;
  const conditions = {
    root: location.root,
    stamp: moment.stamp,
    config: JSON.stringify(config),
    ...(isLarge && { largeIndex: join(location.gitDir, "index") }),
  };
  const isQuiet = touched?.includes(GIT_DIRECTORY) === false;
  const [seen, hinted] = await Promise.all([
    workTree.read(conditions, touched, call),
    comparing.read(config, hint, conditions, isQuiet, call),
  ]);
  const { status } = seen;
  const branch = currentBranch(status, moment);
  const shownBranch = branch ?? rebasedBranch;
  const compared =
    shownBranch === hint ? hinted : await comparing.read(config, shownBranch, conditions, isQuiet, call);
  const diff = seen.diff ?? (await readDiffWithin(git, status, config, diffBudgetMs, call));
  const reading: Reading = {
    status,
    moment,
    ...compared,
    ...(branch !== undefined && { branch }),
    ...(shownBranch !== undefined && { shownBranch }),
    ...(diff !== undefined && { diff }),
  };
  return { reading, seen: { ...seen, ...(diff !== undefined && { diff }) }, conditions };
}

/** `(detached)` is also a legal name of a branch: the full symbolic ref decides. */
function currentBranch(status: Status, moment: Moment): string | undefined {
  if (status.head === "(unknown)" && shortName(moment.branchRef) !== status.head) {
    const message = "The branch that HEAD names cannot be read.";
    throw new CollectError("BRANCH_UNREADABLE", message);
  }
  if (status.head !== "(detached)") return status.head;
  return shortName(moment.branchRef) === status.head ? status.head : undefined;
}

function shortName(ref: string | undefined): string | undefined {
  return ref?.replace(/^refs\/heads\//, "");
}

/** Absent for SHA-1. */
function objectFormat(config: Config): string | undefined {
  return values(config, "extensions.objectformat").at(-1);
}

/** The comparison reads whole files: when it takes too long, the rest is served without it. */
async function readDiffWithin(
  git: Git,
  status: Status,
  config: Config,
  budgetMs: number,
  call: ContentOptions,
): Promise<Diff | undefined> {
  if (status.staged + status.modified + status.conflicted === 0) return total(NOTHING, new Map());
  const base = status.oid ?? emptyTree(objectFormat(config));
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(budgetMs)]);
  try {
    return await readDiff(git, base, status, { ...call, signal });
  } catch (error) {
    call.signal.throwIfAborted();
    if (error instanceof CollectError || signal.aborted) return undefined;
    throw error;
  }
}
