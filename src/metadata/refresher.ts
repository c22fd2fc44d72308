// Keeps one source current while somebody watches: collects at once when events tell of a change, in periods where no
// event would (the source's own, or a short one), and never so often that collecting is all that the machine does.

import { WATCH_LIMITS } from "./limits.ts";
import type { Source } from "./source.ts";

/** Collections in a row that found nothing new count up to this many: the pause after them is four times what they took. */
const MOST_FRUITLESS = 2;

/** The refresher of one source. Costs nothing while nobody watches, and while a source that events tell of stays as it is. */
export class Refresher {
  readonly #source: Source;
  #watchers = 0;
  #state: "resting" | "collecting" | "pausing" = "resting";
  /** Whether something may have changed since the last look. */
  #isInvalidated = false;
  /** How many collections in a row, without quiet between them, found nothing new. */
  #fruitless = 0;
  /** When the pause after the last collection is over. No timer runs for it until there is something to look at. */
  #pausedUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Somebody watches. */
  begin(): void {
    this.#watchers += 1;
    if (this.#watchers === 1 && this.#state === "resting") {
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
  invalidate(): void {
    this.#isInvalidated = true;
    if (this.#watchers > 0 && this.#state === "resting") {
      this.#lookSoon();
    }
  }

  /** A collection has ended, perhaps one that a read began. What has failed in it is tried again. */
  reported(): void {
    if (this.#watchers > 0 && this.#state === "resting") {
      clearTimeout(this.#timer);
      this.#wait();
    }
  }

  /** Looks at once, or when the pause after the last collection is over. */
  #lookSoon(): void {
    const pauseMs = this.#pausedUntil - performance.now();
    if (pauseMs <= 0) {
      this.#fruitless = 0;
      this.#look();
      return;
    }
    clearTimeout(this.#timer);
    this.#state = "pausing";
    this.#timer = setTimeout(() => this.#look(), pauseMs);
  }

  #look(): void {
    clearTimeout(this.#timer);
    this.#isInvalidated = false;
    const { version } = this.#source;
    const collection = this.#source.current();
    if (collection === undefined) {
      this.#fruitless = 0;
      this.#state = "resting";
      this.#wait();
      return;
    }
    this.#state = "collecting";
    void collection.then(() => this.#collected(this.#source.version !== version));
  }

  #collected(isNews: boolean): void {
    this.#state = "resting";
    if (this.#watchers === 0) {
      return;
    }
    this.#fruitless = isNews ? 0 : Math.min(MOST_FRUITLESS, this.#fruitless + 1);
    const { min, max } = WATCH_LIMITS.pauseMs;
    const cost = (this.#source.report.collectionMs ?? 0) * 2 ** this.#fruitless;
    this.#pausedUntil = performance.now() + Math.min(max, Math.max(min, cost));
    if (this.#isInvalidated) {
      this.#lookSoon();
    } else {
      this.#wait();
    }
  }

  /** Looks again after a time, or when the source's own period is over if that is later, unless events tell when. */
  #wait(): void {
    const { isFollowed, currentForMs } = this.#source;
    if (this.#watchers > 0 && !isFollowed) {
      // A millisecond later: until then, what is known is current.
      const ms = Math.max(WATCH_LIMITS.pollMs, Math.floor(currentForMs) + 1);
      this.#timer = setTimeout(() => this.#lookSoon(), ms);
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
