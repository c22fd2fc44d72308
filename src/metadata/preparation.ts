// What a remote source needs of the local repository, found out anew for each checkout.

import type { Checkout } from "../collectors/checkout.ts";
import { CollectError } from "../collectors/collector.ts";
import type { RemoteCollector } from "../collectors/remote-collector.ts";
import { abortable } from "./abortable.ts";
import type { Timers } from "./clock.ts";
import { REMOTE_LIMITS } from "./limits.ts";
import { type Failed, failureOf } from "./source-report.ts";
import { type Supervised, supervise } from "./supervise.ts";

export interface PreparationOptions {
  readonly collector: RemoteCollector;
  /** The source that is asked. */
  readonly followed: { readonly name: string };
  readonly timers: Timers;
}

/** One preparation at a time, for the checkout that counts. */
export class Preparation {
  readonly #options: PreparationOptions;
  readonly #onEnd: () => void;
  #checkout: Checkout | undefined;
  #running:
    | (Supervised<void> & { readonly abort: AbortController; readonly ended: Promise<void> })
    | undefined;
  #failed: Failed | undefined;

  /** @param onEnd called when one has ended, unless it was begun anew or ended by {@link close}. */
  constructor(options: PreparationOptions, onEnd: () => void) {
    this.#options = options;
    this.#onEnd = onEnd;
  }

  /** How the last one for this checkout failed. */
  get failed(): Failed | undefined {
    return this.#failed;
  }

  /** Resolves when the one that runs has ended. Undefined: there is none, or the last one failed, and nobody is to wait again. */
  get wait(): Promise<void> | undefined {
    return this.#failed === undefined ? this.#running?.ended : undefined;
  }

  /** Begins one, if there is anything to find out, in place of the one that runs. */
  start(checkout: Checkout | undefined): void {
    this.#running?.abort.abort(new CollectError("SUPERSEDED", "something else is checked out"));
    this.#running = undefined;
    if (checkout !== this.#checkout) {
      this.#failed = undefined;
      this.#checkout = checkout;
    }
    const abort = new AbortController();
    const work = checkout && this.#ask(checkout, abort.signal);
    if (work === undefined) {
      this.#failed = undefined;
      return;
    }
    const { followed, timers } = this.#options;
    const deadlineMs = REMOTE_LIMITS.prepareMs;
    const run = supervise(work, { abort, name: followed.name, deadlineMs, timers });
    const ended = run.result
      .then(() => undefined, failureOf)
      .then((failed) => {
        if (this.#running?.abort === abort) {
          this.#running = undefined;
          this.#failed = failed;
          this.#onEnd();
        }
      });
    this.#running = { ...run, abort, ended };
  }

  /** Begins one again where the last one failed. */
  retry(): void {
    if (this.#failed !== undefined && this.#running === undefined) {
      this.start(this.#checkout);
    }
  }

  /** Ends the one that runs. Takes 1 s at most. */
  async close(reason: CollectError): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) {
      running.abort.abort(reason);
      await abortable(running.letGo, AbortSignal.timeout(1_000)).catch(() => undefined);
    }
  }

  #ask(checkout: Checkout, signal: AbortSignal): Promise<void> | undefined {
    try {
      return this.#options.collector.prepare(checkout, { signal });
    } catch (defect) {
      return Promise.reject(defect);
    }
  }
}
