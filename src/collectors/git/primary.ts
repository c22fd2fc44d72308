// Chooses which of several repositories all answers are about, and stays with it.

import type { Activity } from "./activity.ts";

/** A repository that may be chosen. */
export interface Contender {
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

  /** Root of the primary one of `contenders`, absent when there are none. */
  choose(contenders: readonly Contender[]): string | undefined {
    const known = this.#heads;
    const active = contenders.filter(
      ({ root, activity }) => activity.head !== "" && known.get(root) !== activity.head,
    );
    const stays = contenders.some(({ root }) => root === this.#chosen);
    if (!stays) this.#chosen = newest(contenders)?.root;
    else if (active.length > 0) this.#chosen = newest(active)?.root;
    this.#heads = new Map(contenders.map(({ root, activity }) => [root, activity.head]));
    return this.#chosen;
  }
}

function newest(contenders: readonly Contender[]): Contender | undefined {
  return contenders.toSorted(
    (a, b) => b.activity.atMs - a.activity.atMs || b.activity.recordedAtMs - a.activity.recordedAtMs,
  )[0];
}
