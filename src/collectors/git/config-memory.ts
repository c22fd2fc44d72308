// The configuration of a repository, and the settings that take its filters away: read anew, or taken from memory when every
// file that it came from says the same as then. The contents are compared and not their times, so that what is taken
// from memory is as new as what git would read.

import { join, resolve } from "node:path";
import { readBranchIncludes } from "./branch-includes.ts";
import { type Config, readConfig } from "./config.ts";
import type { Setting } from "./environment.ts";
import { exists, readStart, stamp } from "./files.ts";
import { blankedFilters } from "./filters.ts";
import type { Git } from "./git.ts";
import type { RepositoryLocation } from "./location.ts";
import { configurationOf, readHome } from "./watch-config.ts";

/** What is known of one repository's configuration. */
export interface Configured {
  readonly config: Config;
  /** To be given to every call of git that compares contents. */
  readonly blanked: readonly Setting[];
}

/** A file of more than this is not remembered, nor is what it says. */
const MAX_BYTES = 256 * 1024;
/** Of more files than these, what they say is not remembered. */
const MAX_FILES = 64;

const INCLUDE = /^include(?:if\..*)?\.path$/s;

interface Remembered extends Configured {
  readonly location: string;
  /** The files that git reads, present or not. */
  readonly files: readonly string[];
  /** What they said, before and after git read them. Absent when that was not looked at or not the same. */
  readonly contents?: string;
}

/** Belongs to one collector. */
export class ConfigMemory {
  readonly #git: Git;
  readonly #xdgConfigHome: string | undefined;
  #home: Promise<string | undefined> | undefined;
  #last: Remembered | undefined;

  constructor(git: Git, xdgConfigHome: string | undefined) {
    this.#git = git;
    this.#xdgConfigHome = xdgConfigHome;
  }

  /** The configuration as it is now. @throws {CollectError} */
  async read(location: RepositoryLocation, signal: AbortSignal): Promise<Configured> {
    const place = JSON.stringify([location.root, location.gitDir, location.commonDir]);
    const last = this.#last?.location === place ? this.#last : undefined;
    const before = last === undefined ? undefined : await contentsOf(last.files);
    if (last?.contents !== undefined && last.contents === before) return last;
    this.#last = undefined;
    const config = await readStableConfig(this.#git, location, signal);
    const included = await readBranchIncludes(this.#git, config, { cwd: location.root, signal });
    const configured = { config, blanked: blankedFilters([...config, ...included]) };
    const files = await this.#filesOf(config, location, signal);
    if (files === undefined) return configured;
    // Which files are to be looked at was known before git read them, or else one may have changed in between.
    const known = before !== undefined && files.every((file) => last?.files.includes(file));
    const isStill = known && before === (await contentsOf(last?.files ?? []));
    this.#last = isStill
      ? { ...configured, location: place, files: last?.files ?? [], contents: before }
      : { ...configured, location: place, files };
    return configured;
  }

  /** All files that such a configuration is made of. Absent when that cannot be told, or when it depends on more than files. */
  async #filesOf(
    config: Config,
    location: RepositoryLocation,
    signal: AbortSignal,
  ): Promise<string[] | undefined> {
    if (config.some(({ key, value, origin }) => !origin.startsWith("file:") || isOpen(key, value)))
      return undefined;
    this.#home ??= readHome({ git: this.#git, root: location.root, signal });
    const home = await this.#home.catch(() => undefined);
    signal.throwIfAborted();
    if (home === undefined) {
      this.#home = undefined;
      return undefined;
    }
    const entries = config.map(({ key, value, origin }) => ({ file: origin.slice(5), key, value }));
    const xdg = this.#xdgConfigHome ?? resolve(home, ".config");
    const { configFiles } = configurationOf(entries, location.root, home, xdg);
    const own = [join(location.commonDir, "config"), join(location.gitDir, "config.worktree")];
    const files = [...new Set([...configFiles, ...own])];
    const isTold = files.length <= MAX_FILES && !files.some((file) => file.includes("\uFFFD"));
    return isTold ? files : undefined;
  }
}

/** What depends on the branch, or on where git or some user lives. */
function isOpen(key: string, value: string): boolean {
  if (key.startsWith("includeif.onbranch:")) return true;
  return INCLUDE.test(key) && /^(?:~(?!\/)|%\()/.test(value);
}

/** Absent when one of the files cannot be looked at as a whole. */
async function contentsOf(files: readonly string[]): Promise<string | undefined> {
  const contents = await Promise.all(
    files.map(async (file) => {
      const text = await readStart(file, MAX_BYTES + 1);
      if (text === undefined) return (await exists(file)) ? undefined : "absent";
      return Buffer.byteLength(text) > MAX_BYTES || text.includes("\uFFFD") ? undefined : `present\n${text}`;
    }),
  );
  return contents.includes(undefined) ? undefined : JSON.stringify(contents);
}

/** A configuration that was not written while it was read; git reads it again right after this. */
async function readStableConfig(
  git: Git,
  location: RepositoryLocation,
  signal: AbortSignal,
): Promise<Config> {
  const files = [join(location.commonDir, "config"), join(location.gitDir, "config.worktree")];
  const stamps = async () => (await Promise.all(files.map(stamp))).join();
  for (;;) {
    const before = await stamps();
    const config = await readConfig(git, { cwd: location.root, signal });
    if (before === (await stamps())) return config;
  }
}
