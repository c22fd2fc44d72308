// What this source hands to those that follow it: the same object as long as it says the same.

import type { Checkout } from "../checkout.ts";
import { CollectError } from "../collector.ts";
import type { RepositoryLocation } from "./location.ts";
import type { Memory } from "./memory.ts";
import type { Reading } from "./read-repository.ts";

/** Where the history of a repository ends before its first commit. */
interface HistoryEnd {
  /** Another one when it may be cut off elsewhere. */
  readonly stamp: string;
  readonly isCutOff: boolean;
}

/** Belongs to one collector. */
export class CheckoutMemory {
  readonly #memory: Memory;
  readonly #deadlineMs: number;
  #last: { readonly key: string; readonly checkout: Checkout } | undefined;

  /** @param deadlineMs - How long one answer of `isAncestor` may take. */
  constructor(memory: Memory, deadlineMs: number) {
    this.#memory = memory;
    this.#deadlineMs = deadlineMs;
  }

  /** The checkout that was read. */
  take(location: RepositoryLocation, reading: Reading, end: HistoryEnd): Checkout {
    const { shownBranch, status, refs, tracking } = reading;
    const state = {
      repository: location.commonDir,
      ...(shownBranch !== undefined && { branch: shownBranch }),
      ...(status.oid !== undefined && { head: status.oid }),
      ...tracking,
      ...(refs.upstreamOid !== undefined && { upstreamOid: refs.upstreamOid }),
      ...(refs.base !== undefined && { defaultBranch: refs.base.branch }),
    };
    const key = JSON.stringify([location.root, end, state]);
    if (this.#last?.key === key) return this.#last.checkout;
    const { root } = location;
    const { oid: head } = status;
    const checkout: Checkout = {
      ...state,
      isAncestor: async (oid, signal) =>
        head === undefined ? undefined : await this.#isAncestor(root, oid, head, end, signal),
    };
    this.#last = { key, checkout };
    return checkout;
  }

  async #isAncestor(
    root: string,
    oid: string,
    head: string,
    { stamp, isCutOff }: HistoryEnd,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const deadline = AbortSignal.timeout(this.#deadlineMs);
    const call = { cwd: root, signal: AbortSignal.any([signal, deadline]) };
    try {
      return await this.#memory.ancestry(oid, head, stamp, isCutOff, call);
    } catch (error) {
      signal.throwIfAborted();
      if (!deadline.aborted) throw error;
      const message = `git did not tell within ${this.#deadlineMs} ms whether one commit comes before another.`;
      throw new CollectError("TIMEOUT", message, { cause: error });
    }
  }
}
