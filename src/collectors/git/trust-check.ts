// Remembers which repositories were found trustworthy, for as long as nothing of what that rests on has changed.

import { join } from "node:path";
import { identity, stamp } from "./files.ts";
import type { Git } from "./git.ts";
import type { RepositoryLocation } from "./location.ts";
import { checkTrust } from "./trust.ts";

/** Belongs to one collector. */
export class TrustCheck {
  readonly #git: Git;
  #passed = new Map<string, string>();

  constructor(git: Git) {
    this.#git = git;
  }

  /** Passes when {@link checkTrust} passes, or did so and nothing has changed since. @throws {CollectError} as there */
  async check(location: RepositoryLocation, workspace: string, signal: AbortSignal): Promise<void> {
    const grounds = await groundsOf(location);
    if (this.#passed.get(location.root) === grounds) return;
    this.#passed.delete(location.root);
    await checkTrust(this.#git, location, workspace, signal);
    this.#passed.set(location.root, grounds);
  }

  /** Forgets all repositories but these. */
  keep(locations: readonly RepositoryLocation[]): void {
    const roots = new Set(locations.map(({ root }) => root));
    this.#passed = new Map([...this.#passed].filter(([root]) => roots.has(root)));
  }
}

/** The directories themselves, and the files that say where the parts of a repository lie. */
async function groundsOf({ root, gitDir, commonDir }: RepositoryLocation): Promise<string> {
  const parts = await Promise.all([
    identity(join(root, ".git")),
    identity(gitDir),
    identity(commonDir),
    stamp(join(gitDir, "commondir")),
    stamp(join(gitDir, "gitdir")),
    stamp(join(commonDir, "config")),
    stamp(join(gitDir, "config.worktree")),
  ]);
  return [gitDir, commonDir, ...parts].join("\n");
}
