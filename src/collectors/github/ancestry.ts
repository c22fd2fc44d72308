// What the local repository says of the commits of closed pull requests, as far as it was asked.

import type { Checkout } from "../checkout.ts";
import type { LocalHistory } from "./choose.ts";

type Verdict = NonNullable<ReturnType<LocalHistory["ancestry"]>>;

export class Ancestry {
  readonly #verdicts = new WeakMap<Checkout, Map<string, Verdict>>();
  #latest: Checkout | undefined;

  /** What is known of this checkout's history. */
  of(checkout: Checkout): LocalHistory {
    const verdicts = this.#verdictsOf(checkout);
    return { head: checkout.head ?? "", ancestry: (oid) => verdicts.get(oid) };
  }

  /** Asks the local repository. @throws {CollectError} when git fails. */
  async learn(checkout: Checkout, oid: string, signal: AbortSignal): Promise<void> {
    const isAncestor = await checkout.isAncestor(oid, signal);
    const verdict = isAncestor === undefined ? "unknown" : isAncestor ? "ancestor" : "foreign";
    this.#verdictsOf(checkout).set(oid, verdict);
  }

  #verdictsOf(checkout: Checkout): Map<string, Verdict> {
    const found = this.#verdicts.get(checkout);
    if (found !== undefined) return found;
    const verdicts = new Map(this.#inherited(checkout));
    this.#verdicts.set(checkout, verdicts);
    this.#latest = checkout;
    return verdicts;
  }

  /** Of the same HEAD it is known already, unless it could not be told: a fetch may have brought the missing history. */
  #inherited({ repository, head }: Checkout): [string, Verdict][] {
    const latest = this.#latest;
    if (latest === undefined || latest.repository !== repository || latest.head !== head) return [];
    return [...(this.#verdicts.get(latest) ?? [])].filter(([, verdict]) => verdict !== "unknown");
  }
}
