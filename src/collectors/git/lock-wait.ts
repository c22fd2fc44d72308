// Waits for whoever holds the lock of the index: during a checkout, the work tree is neither the old nor the new one.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CollectError } from "../collector.ts";
import { stamp } from "./files.ts";
import type { RepositoryLocation } from "./location.ts";

/** How long a writer is waited for. A checkout of a huge tree takes longer; until it ends, the state is not known. */
const WAIT_MS = 1_000;
/** A lock with the new index in it, untouched for this long: a commit that waits for its editor. */
const WRITTEN_MS = 500;
/** An empty lock of this age: whoever made it has crashed. */
const ABANDONED_MS = 10_000;
const POLL_MS = 4;

/** Belongs to one collector. */
export class LockWait {
  #outlived = "absent";
  /** The lock that was last seen, and since when by this process's own clock: times of files may lie in the future. */
  #seen = { stamp: "absent", since: 0 };

  /**
   * Waits until no one is at work under the lock.
   *
   * @returns Stamp of the lock that may be disregarded, `absent` for none.
   * @throws {CollectError} CHANGED_WHILE_READING when the work takes too long; the signal's reason when aborted
   */
  async wait({ root, gitDir }: RepositoryLocation, signal: AbortSignal): Promise<string> {
    const lock = join(gitDir, "index.lock");
    const startedAt = performance.now();
    let current = await stamp(lock);
    for (let since = startedAt; ; ) {
      if (current === "absent" || current === this.#outlived) return current;
      if (current !== this.#seen.stamp) this.#seen = { stamp: current, since: performance.now() };
      if (performance.now() - this.#seen.since > ABANDONED_MS) return current;
      const { size, ageMs } = await sizeAndAge(lock);
      if (ageMs > ABANDONED_MS) return current;
      if (size > 0 && performance.now() - since > WRITTEN_MS) {
        this.#outlived = current;
        return current;
      }
      if (performance.now() - startedAt > WAIT_MS) {
        const message = `The work tree ${root} is being changed.`;
        throw new CollectError("CHANGED_WHILE_READING", message, { waitedInVain: true });
      }
      await delay(POLL_MS, undefined, { signal });
      const next = await stamp(lock);
      if (next !== current) since = performance.now();
      current = next;
    }
  }
}

async function sizeAndAge(path: string): Promise<{ size: number; ageMs: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, ageMs: Date.now() - mtimeMs };
  } catch {
    return { size: 0, ageMs: 0 };
  }
}
