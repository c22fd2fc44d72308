// Keeps one source current while somebody watches: collects at once when events tell of a change, in periods where no
// event would (the source's own, or a short one), and never so often that collecting is all that the machine does.

import { WATCH_LIMITS } from "./limits.ts";
import type { Source } from "./source.ts";

/** Collections in a row that found nothing new count up to this many: the pause after them is four times what they took. */
const MOST_FRUITLESS = 2;

/** The keeper of one source. Costs nothing while nobody watches, and while a source that events tell of stays as it is. */
export class Keeper {
  readonly #source: Source;
  #watchers = 0;
  #state: "resting" | "collecting" | "pausing" = "resting";
  /** Whether something may have changed since the last look. */
  #isStirred = false;
  /** How many collections in a row, without quiet between them, found nothing new. */
  #fruitless = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Somebody watches. */
  begin(): void {
    this.#watchers += 1;
    if (this.#state === "resting") {
      this.#look();
    }
  }

  /** Somebody watches no more. */
  end(): void {
    this.#watchers -= 1;
    if (this.#watchers === 0) {
      this.#rest();
    }
  }

  /** Nobody watches any more. */
  close(): void {
    this.#watchers = 0;
    this.#rest();
  }

  /** The source may have changed. */
  stir(): void {
    this.#isStirred = true;
    if (this.#watchers > 0 && this.#state === "resting") {
      this.#look();
    }
  }

  #look(): void {
    clearTimeout(this.#timer);
    this.#isStirred = false;
    const { version } = this.#source;
    const collection = this.#source.current();
    if (collection === undefined) {
      this.#fruitless = 0;
      this.#state = "resting";
      this.#wait(WATCH_LIMITS.pollMs);
      return;
    }
    this.#state = "collecting";
    void collection.then(() => this.#collected(this.#source.version !== version));
  }

  #collected(isNews: boolean): void {
    if (this.#watchers === 0) {
      this.#state = "resting";
      return;
    }
    this.#state = "pausing";
    this.#fruitless = isNews ? 0 : Math.min(MOST_FRUITLESS, this.#fruitless + 1);
    const { min, max } = WATCH_LIMITS.pauseMs;
    const cost = (this.#source.report.collectionMs ?? 0) * 2 ** this.#fruitless;
    const pauseMs = Math.min(max, Math.max(min, cost));
    this.#timer = setTimeout(() => this.#paused(pauseMs), pauseMs);
  }

  #paused(pauseMs: number): void {
    if (this.#isStirred) {
      this.#look();
    } else {
      this.#fruitless = 0;
      this.#state = "resting";
      this.#wait(WATCH_LIMITS.pollMs - pauseMs);
    }
  }

  /** Looks again after a time, or when the source's own period is over if that is later, unless events tell when. */
  #wait(ms: number): void {
    const { isTold, lastingMs } = this.#source;
    if (this.#watchers > 0 && !isTold) {
      // A millisecond later: until then, what is known is current.
      this.#timer = setTimeout(() => this.#look(), Math.max(ms, Math.floor(lastingMs) + 1));
    }
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#fruitless = 0;
    if (this.#state === "pausing") {
      this.#state = "resting";
    }
  }
}
