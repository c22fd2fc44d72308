// The books of a soak: what was done, what went wrong, and whether that was asked for.

/** What is counted. */
export type Account = "requests" | "streams" | "changes" | "faults" | "hostile";

/** One thing that went wrong without having been asked for. */
export interface Unexpected {
  /** Milliseconds after the start. */
  readonly atMs: number;
  readonly what: string;
}

/** Unexpected errors are counted without end, and the first of them told. */
const MOST_TOLD = 20;

/** How one kind of thing went. */
interface Count {
  done: number;
  injected: number;
  unexpected: number;
}

export class Ledger {
  readonly #startMs = performance.now();
  readonly #counts = new Map<Account, Map<string, Count>>();
  readonly #unexpected: Unexpected[] = [];
  #unexpectedCount = 0;

  /** Something was done and went as it should. */
  done(account: Account, kind: string): void {
    this.#count(account, kind).done += 1;
  }

  /** Something went wrong as it was meant to. */
  injected(account: Account, kind: string): void {
    this.#count(account, kind).injected += 1;
  }

  /** Something went wrong that nobody asked for. */
  unexpected(account: Account, kind: string, what: string): void {
    this.#count(account, kind).unexpected += 1;
    this.#unexpectedCount += 1;
    if (this.#unexpected.length < MOST_TOLD) {
      this.#unexpected.push({ atMs: performance.now() - this.#startMs, what: `${kind}: ${what}` });
    }
  }

  /** The first of them. */
  get told(): readonly Unexpected[] {
    return this.#unexpected;
  }

  get unexpectedCount(): number {
    return this.#unexpectedCount;
  }

  /** One row for each kind of thing: what, done, injected errors, errors that were not. */
  rows(): string[][] {
    return [...this.#counts].flatMap(([account, kinds]) =>
      [...kinds].map(([kind, { done, injected, unexpected }]) => [
        `${account}: ${kind}`,
        ...[done, injected, unexpected].map(String),
      ]),
    );
  }

  #count(account: Account, kind: string): Count {
    const kinds = this.#counts.get(account) ?? new Map<string, Count>();
    this.#counts.set(account, kinds);
    const count = kinds.get(kind) ?? { done: 0, injected: 0, unexpected: 0 };
    kinds.set(kind, count);
    return count;
  }
}
