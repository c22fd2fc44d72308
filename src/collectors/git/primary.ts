// Chooses which of several repositories all answers are about, and stays with it.

import type { Activity } from "./activity.ts";

/** A repository that may be chosen. */
export interface Candidate {
  readonly root: string;
  readonly activity: Activity;
}

/**
 * Remembers the choice. At the start it is the repository with the newest commit or checkout; after that it changes
 * only to one that got a commit or checkout meanwhile, or when the chosen one has vanished.
 */
export class PrimaryChoice {
  #chosen: string | undefined;
  #heads = new Map<string, string>();

  /** Root of the primary one of `candidates`, absent when there are none. */
  choose(candidates: readonly Candidate[]): string | undefined {
    const known = this.#heads;
    const active = candidates.filter(
      ({ root, activity }) => activity.head !== "" && known.get(root) !== activity.head,
    );
    const stays = candidates.some(({ root }) => root === this.#chosen);
    if (!stays) this.#chosen = newest(candidates)?.root;
    else if (active.length > 0) this.#chosen = newest(active)?.root;
    this.#heads = new Map(candidates.map(({ root, activity }) => [root, activity.head]));
    return this.#chosen;
  }
}

function newest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.toSorted(
    (a, b) => b.activity.atMs - a.activity.atMs || b.activity.recordedAtMs - a.activity.recordedAtMs,
  )[0];
}
