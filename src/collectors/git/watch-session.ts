// Everything that is watched for one set of repositories: work trees, git directories, configuration, and the workspace
// around them. Knows where to look and what an event there means; when to look is said by watch.ts.

import { realpathSync, statSync } from "node:fs";
import { CollectError, type Problem } from "../collector.ts";
import { isWithin } from "./files.ts";
import type { Git } from "./git.ts";
import { FETCH_NOTE, LINKED, MAX_LINKED } from "./last-fetch.ts";
import type { RepositoryLocation } from "./location.ts";
import { locate } from "./trust.ts";
import { type Configuration, readConfiguration } from "./watch-config.ts";
import { join, parentOf, toBytes, toPath, toText, type WatchDirectory } from "./watch-directory.ts";
import { DiscoveryWatch } from "./watch-discovery.ts";
import { networkCheck, parseMounts } from "./watch-mounts.ts";
import { PathWatch } from "./watch-paths.ts";
import { type Directory, DirectoryTree } from "./watch-tree.ts";
import { WorkTreeWatch } from "./watch-work-tree.ts";
import { GIT_DIRECTORY } from "./work-tree.ts";

/** Of one work tree's git directory. */
const STATE_FILES: readonly string[] = [
  "HEAD",
  FETCH_NOTE,
  "MERGE_HEAD",
  "CHERRY_PICK_HEAD",
  "REVERT_HEAD",
  "BISECT_LOG",
  "sequencer/todo",
  "rebase-merge/head-name",
  "rebase-apply/head-name",
  "rebase-apply/applying",
];

/** Of one work tree's git directory: decides about its files. */
const SPARSE = "info/sparse-checkout";

/**
 * Of the git directory that all work trees share. Stashes below the newest one stand in the log alone. Without the directory of objects
 * there is no repository.
 */
const SHARED_FILES: readonly string[] = ["packed-refs", "shallow", "logs/refs/stash", FETCH_NOTE, "objects"];

/** Of that directory, too: these decide about the files of work trees, or about commits that have not changed. */
const DECIDING_FILES: readonly string[] = ["info/attributes", "info/grafts"];

/** Directories full of refs, in either storage format. */
const REF_DIRECTORIES: readonly string[] = ["refs", "reftable"];

export interface SessionOptions {
  readonly git: Git;
  readonly workspace: string;
  /** See {@link WatchOptions.links}. */
  readonly links: readonly string[];
  readonly locations: readonly RepositoryLocation[];
  /** Repositories whose work tree is not watched. */
  readonly headsOf: readonly RepositoryLocation[];
  readonly xdgConfigHome: string | undefined;
  readonly watchDirectory: WatchDirectory;
  readonly readMounts: () => Promise<string>;
  /**
   * With the path, relative to its root, of the one entry of the work tree that may have changed, {@link GIT_DIRECTORY} for no file of the
   * work tree but what git itself keeps. Absent: anything may have.
   */
  readonly changed: (path?: string) => void;
  /** There is something to {@link Session.settle}. */
  readonly stale: () => void;
  /** What is watched is not what should be: a new session is needed. */
  readonly outdated: () => void;
  readonly failed: (error: unknown) => void;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #ended = new AbortController();
  readonly #paths: PathWatch;
  readonly #workTrees: WorkTreeWatch[] = [];
  readonly #refs: DirectoryTree[] = [];
  /** Where linked work trees have their git directories, by the path of that directory. */
  readonly #linked = new Map<string, DirectoryTree>();
  readonly #configured = new Map<RepositoryLocation, Configuration>();
  #discovery: DiscoveryWatch | undefined;
  /** Nested repositories whose commits are followed. */
  readonly #nested = new Set<string>();
  #configStale = false;
  #problem: Problem | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#paths = new PathWatch(options.watchDirectory, options.failed);
  }

  get stale(): boolean {
    return (
      this.#configStale ||
      [...this.#refs, ...this.#linked.values(), ...this.#workTrees, this.#discovery].some(
        (each) => each?.stale,
      )
    );
  }

  /** Why there may be changes without an event. */
  get problem(): Problem | undefined {
    if (this.#problem !== undefined) return this.#problem;
    const unreadable = this.#workTrees.map((tree) => tree.unreadable).find((path) => path !== undefined);
    if (unreadable === undefined) return undefined;
    return {
      reason: "DIRECTORY_NOT_READABLE",
      message: `A directory cannot be watched (${toPath(unreadable)}): every read collects anew.`,
    };
  }

  /** Watches all but what {@link settle} finds. Throws a `CollectError` when events cannot be had. */
  async open(): Promise<void> {
    const { locations, headsOf } = this.#options;
    const check = networkCheck(parseMounts(await this.#options.readMounts()));
    check(toBytes(this.#options.workspace));
    for (const { root, gitDir, commonDir } of [...locations, ...headsOf]) {
      for (const path of [root, gitDir, commonDir]) check(toBytes(path));
    }
    const configurations = await this.#readConfigurations();
    if (this.#ended.signal.aborted) return;
    for (const [location, configuration] of configurations) this.#configured.set(location, configuration);
    for (const location of locations) this.#addRepository(location, this.#addWorkTree(location, check));
    for (const location of headsOf) this.#addRepository(location, undefined);
    this.#addWorkspace(check);
    this.#paths.open();
    // What was read before it was watched may be outdated already.
    this.#configStale = true;
  }

  /** Watches what has come and releases what has gone. True: something may have changed before it was watched. */
  async settle(): Promise<boolean> {
    if (this.#configStale && (await this.#isReconfigured())) {
      this.#options.outdated();
      return true;
    }
    let missed = false;
    this.#problem = undefined;
    const steps = [
      ...this.#refs.map((refs) => () => settleRefs(refs)),
      ...[...this.#linked.values()].map((linked) => () => settleLinked(linked)),
      ...[this.#discovery ?? []].flat().map((discovery) => () => discovery.settle()),
      ...this.#workTrees.map((tree) => () => this.#settleWorkTree(tree)),
    ];
    for (const step of steps) {
      if (this.#ended.signal.aborted) return false;
      missed = (await step()) || missed;
    }
    missed = (await this.#followNested()) || missed;
    return missed;
  }

  close(): void {
    this.#ended.abort();
    this.#paths.close();
    this.#discovery?.close();
    for (const tree of [...this.#refs, ...this.#linked.values(), ...this.#workTrees]) tree.close();
  }

  /** Whether the files that decide about ignoring are others than those that are watched. */
  async #isReconfigured(): Promise<boolean> {
    this.#configStale = false;
    const now = await this.#readConfigurations();
    for (const [location, { fingerprint }] of now) {
      if (this.#configured.get(location)?.fingerprint !== fingerprint) return true;
    }
    return now.size !== this.#configured.size;
  }

  async #readConfigurations(): Promise<Map<RepositoryLocation, Configuration>> {
    const { git, xdgConfigHome, locations, headsOf } = this.#options;
    const found = new Map<RepositoryLocation, Configuration>();
    const user = xdgConfigHome === undefined ? {} : { xdgConfigHome };
    for (const location of [...locations, ...headsOf]) {
      // git cannot be run in a directory that is gone; the paths above it tell when it is back.
      if (!exists(location.root)) continue;
      const options = { git, root: location.root, signal: this.#ended.signal, ...user };
      found.set(location, await readConfiguration(options));
    }
    return found;
  }

  /** Without the rules there is no telling which directories to watch; the next event around them tries again. */
  async #settleWorkTree(tree: WorkTreeWatch): Promise<boolean> {
    try {
      return await tree.settle();
    } catch (error) {
      if (!(error instanceof CollectError) || error.reason !== "IGNORED_UNKNOWN") throw error;
      tree.close();
      this.#problem = error;
      return true;
    }
  }

  #addWorkTree(location: RepositoryLocation, check: (path: string) => void): WorkTreeWatch {
    const { git, watchDirectory, changed, stale, failed } = this.#options;
    const root = toBytes(location.root);
    const signal = this.#ended.signal;
    const tree = new WorkTreeWatch({ git, root, signal, watchDirectory, check, changed, stale, failed });
    this.#workTrees.push(tree);
    return tree;
  }

  #addRepository(location: RepositoryLocation, tree: WorkTreeWatch | undefined): void {
    const root = toBytes(location.root);
    const gitDir = toBytes(location.gitDir);
    const commonDir = toBytes(location.commonDir);
    const { changed, outdated } = this.#options;
    // A change may be what ends a failure, too.
    const touched = () => this.#touched();
    const written = () => this.#touched(GIT_DIRECTORY);
    const rules = () => (tree === undefined ? changed() : tree.rulesChanged());
    const index = () => (tree === undefined ? changed(GIT_DIRECTORY) : tree.indexChanged());
    const config = () => {
      this.#configStale = true;
      this.#touched();
    };
    for (const path of [root, join(root, ".git")]) this.#paths.follow(path, outdated);
    for (const file of STATE_FILES) this.#paths.follow(join(gitDir, file), written);
    for (const file of SHARED_FILES) this.#paths.follow(join(commonDir, file), written);
    for (const file of DECIDING_FILES) this.#followWithTarget(join(commonDir, file), touched);
    this.#followWithTarget(join(gitDir, SPARSE), touched);
    this.#paths.follow(join(gitDir, "index"), index);
    this.#followWithTarget(join(commonDir, "info/exclude"), rules);
    for (const file of [join(commonDir, "config"), join(gitDir, "config.worktree")])
      this.#paths.follow(file, config);
    const configuration = this.#configured.get(location);
    for (const file of configuration?.configFiles ?? []) this.#paths.follow(toBytes(file), config);
    if (configuration?.isOfBranch) this.#paths.follow(join(gitDir, "HEAD"), config);
    for (const file of configuration?.ignoreFiles ?? []) this.#paths.follow(toBytes(file), rules);
    for (const file of configuration?.otherFiles ?? []) this.#paths.follow(toBytes(file), touched);
    for (const directory of new Set([gitDir, commonDir])) this.#addRefs(directory, GIT_DIRECTORY);
    this.#addLinked(join(commonDir, LINKED));
  }

  /** A symbolic link is followed where it leads to; one that is made to lead elsewhere calls for a new session. */
  #followWithTarget(path: string, touched: () => void): void {
    const target = targetOf(path);
    this.#paths.follow(path, target === path ? touched : this.#options.outdated);
    this.#paths.follow(target, touched);
  }

  /**
   * A nested repository may be a submodule, which counts by the commit that it is at. That is told by no file of the work
   * tree around it. True: there was one that was not followed yet.
   */
  async #followNested(): Promise<boolean> {
    let found = false;
    for (const root of this.#workTrees.flatMap((tree) => [...tree.nestedRoots])) {
      if (this.#nested.has(root) || this.#ended.signal.aborted) continue;
      this.#nested.add(root);
      const location = await locate(toText(root)).catch(() => undefined);
      if (location === undefined || this.#ended.signal.aborted) continue;
      const known = this.#refs.length;
      const gitDir = toBytes(location.gitDir);
      const commonDir = toBytes(location.commonDir);
      for (const file of [join(gitDir, "HEAD"), join(commonDir, "packed-refs")])
        this.#paths.follow(file, () => this.#touched());
      for (const directory of new Set([gitDir, commonDir])) this.#addRefs(directory);
      this.#paths.open();
      for (const refs of this.#refs.slice(known)) await settleRefs(refs);
      found = true;
    }
    return found;
  }

  /** @param path - What to tell as touched. Absent: anything. */
  #addRefs(gitDir: string, path?: string): void {
    const { changed, stale, failed, outdated, watchDirectory } = this.#options;
    for (const name of REF_DIRECTORIES) {
      const root = join(gitDir, name);
      this.#paths.follow(root, outdated);
      const heard = (_: unknown, entry: string | undefined, renamed: boolean) => {
        if (entry?.endsWith(".lock") === true) return false;
        changed(path);
        return renamed;
      };
      this.#refs.push(new DirectoryTree({ root, watchDirectory, heard, stale, failed }));
    }
  }

  /** What was fetched from any work tree has arrived in the repository, and is noted down there. */
  #addLinked(root: string): void {
    if (this.#linked.has(root)) return;
    const { changed, stale, failed, outdated, watchDirectory } = this.#options;
    this.#paths.follow(root, outdated);
    const heard = (directory: Directory, entry: string | undefined, renamed: boolean) => {
      if (directory.parent === undefined) return renamed;
      if (entry === undefined || entry === FETCH_NOTE) changed(GIT_DIRECTORY);
      return false;
    };
    this.#linked.set(root, new DirectoryTree({ root, watchDirectory, heard, stale, failed }));
  }

  #addWorkspace(check: (path: string) => void): void {
    const { changed, stale, failed, outdated, watchDirectory, locations, headsOf } = this.#options;
    const workspace = toBytes(this.#options.workspace);
    const roots = new Set([...locations, ...headsOf].map(({ root }) => toBytes(root)));
    this.#paths.follow(workspace, outdated);
    for (const link of this.#options.links) this.#paths.follow(toBytes(link), () => changed());
    for (let at = workspace; at !== "/"; at = parentOf(at))
      this.#paths.follow(join(at, ".git"), () => changed());
    if ([...roots].some((root) => isWithin(workspace, root))) return;
    this.#discovery = new DiscoveryWatch({ workspace, roots, watchDirectory, check, changed, stale, failed });
  }

  #touched(path?: string): void {
    this.#options.changed(path);
    if (this.stale) this.#options.stale();
  }
}

async function settleRefs(refs: DirectoryTree): Promise<boolean> {
  return await settleTree(refs, (listing) => listing.subdirectories);
}

/** Of the git directories, but not what is below them. */
async function settleLinked(linked: DirectoryTree): Promise<boolean> {
  return await settleTree(linked, (listing, { parent }) =>
    parent === undefined ? listing.subdirectories.slice(0, MAX_LINKED) : [],
  );
}

async function settleTree(
  tree: DirectoryTree,
  admit: Parameters<DirectoryTree["walk"]>[1],
): Promise<boolean> {
  const root = tree.root === undefined ? tree.open() : undefined;
  const fresh = [...(await tree.resolve()), ...(root === undefined ? [] : [root])];
  await tree.walk(fresh, admit);
  return fresh.length > 0;
}

/** Where a path leads to; itself when it is no link, or one that leads nowhere. */
function targetOf(path: string): string {
  try {
    return realpathSync(toPath(path), { encoding: "latin1" });
  } catch {
    return path;
  }
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
