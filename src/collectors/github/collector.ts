// The collector of the section `github`: keeps what it knows of the last few heads, and says when to ask again.

import { isDeepStrictEqual } from "node:util";
import type { Checkout } from "../checkout.ts";
import type { Clock } from "../clock.ts";
import { type CollectContext, CollectError, type Collected, type Problem } from "../collector.ts";
import type { Known, RateLimit, RemoteCollector } from "../remote-collector.ts";
import { Ancestry } from "./ancestry.ts";
import type { GitHubApi } from "./api.ts";
import type { Pull } from "./bodies.ts";
import { type Choice, choose } from "./choose.ts";
import { type Found, Inquiry } from "./inquiry.ts";
import { tell } from "./known.ts";
import { isSamePull } from "./parts.ts";
import { type Lookup, type NoLookup, type ResolveSettings, resolve } from "./resolve.ts";
import { afterChangeMs, earliestRoundMs, nextHurryMs, withRound } from "./schedule.ts";
import { isOpen } from "./tree.ts";

/** What {@link createGitHubCollector} needs. */
export interface GitHubCollectorOptions {
  readonly api: GitHubApi;
  readonly settings: ResolveSettings;
  readonly clock: Clock;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
}

/** What was told of one checkout, to be told again while it is the same. */
interface Told {
  readonly found: Found;
  readonly head: string | undefined;
  readonly choice: Choice<Pull>;
  readonly known: Known;
}

/** So many heads are remembered, so that switching branches back shows at once what was known. */
const MOST_REMEMBERED = 8;
/** Part of the pace that is added at random, so that servers do not all ask at the same time when a limit is renewed. */
const PACE_JITTER = 0.1;

/**
 * Makes the collector of the section `github`. Its refreshes throw the reasons of {@link GitHubApi}, and those of git when the local
 * repository cannot be asked. Nothing to ask about, and no pull request, are the outcome `no_data`.
 */
export function createGitHubCollector(options: GitHubCollectorOptions): RemoteCollector {
  return new GitHubCollector(options);
}

class GitHubCollector implements RemoteCollector {
  readonly source = "github";
  readonly #options: GitHubCollectorOptions;
  readonly #ancestry = new Ancestry();
  readonly #resolved = new WeakMap<Checkout, Lookup | NoLookup>();
  readonly #listeners = new Set<() => void>();
  readonly #told = new Map<string, Told>();
  /** Of what was told last. */
  #lastToldId: string | undefined;
  /** By the lookup's id, the one that was used last at the end. */
  readonly #inquiries = new Map<string, Inquiry>();
  #seen: { readonly checkout: Checkout; readonly fingerprint: string } | undefined;
  /** Moments at which the last change of the checkout is still to be looked up. */
  #hurriesMs: readonly number[] = [];
  /** When that was done last. */
  #hurriedMs: number | undefined;
  #roundsMs: readonly number[] = [];
  #lastRound: { readonly endedMs: number; readonly jitter: number } | undefined;

  constructor(options: GitHubCollectorOptions) {
    this.#options = options;
  }

  get rateLimit(): RateLimit | undefined {
    return this.#options.api.rateLimit;
  }

  get obstacle(): Problem | undefined {
    return this.#options.api.obstacle;
  }

  about(checkout: Checkout): string | undefined {
    const lookup = this.#resolve(checkout);
    return lookup.outcome === "lookup" ? lookup.description : undefined;
  }

  known(checkout: Checkout): Known | undefined {
    const lookup = this.#notice(checkout);
    if (lookup.outcome !== "lookup") return lookup;
    const found = this.#inquiries.get(lookup.id)?.found;
    if (found === undefined) return undefined;
    const choice = this.#choose(found, checkout);
    const settled = choice.ask === undefined ? choice : this.#choiceBefore(lookup, found);
    return settled && this.#tell(lookup, found, settled, checkout);
  }

  prepare(checkout: Checkout, { signal }: CollectContext): Promise<void> | undefined {
    const lookup = this.#notice(checkout);
    const found = lookup.outcome === "lookup" ? this.#inquiries.get(lookup.id)?.found : undefined;
    if (found === undefined || this.#choose(found, checkout).ask === undefined) return undefined;
    return this.#settle(found, checkout, signal).then(() => undefined);
  }

  async refresh(checkout: Checkout, { signal }: CollectContext): Promise<void> {
    const lookup = this.#notice(checkout);
    if (lookup.outcome !== "lookup") return;
    const { clock, random } = this.#options;
    const nowMs = clock.monotonicMs();
    const isHurried = this.#hurriesMs.some((ms) => ms <= nowMs);
    this.#hurriesMs = this.#hurriesMs.filter((ms) => ms > nowMs);
    if (isHurried) this.#hurriedMs = nowMs;
    this.#roundsMs = withRound(this.#roundsMs, nowMs);
    const inquiry = this.#inquiryOf(lookup);
    try {
      await inquiry.ask({
        asked: { monotonicMs: nowMs, wallMs: clock.wallMs(), jitter: random() },
        isHurried,
        settle: (found) => this.#settle(found, checkout, signal),
        onFirstFound: () => this.#changed(),
        signal,
      });
      if (this.#seen?.checkout === checkout && isInSync(inquiry, checkout)) this.#hurriesMs = [];
    } catch (error) {
      if (!(error instanceof CollectError) || signal.aborted) throw error;
      throw new CollectError(error.reason, `${error.message} (${lookup.description})`, { cause: error });
    } finally {
      this.#lastRound = { endedMs: clock.monotonicMs(), jitter: random() };
    }
  }

  dueAtMs(checkout: Checkout): number | undefined {
    const lookup = this.#notice(checkout);
    if (lookup.outcome !== "lookup") return undefined;
    const { api } = this.#options;
    const hurryMs = nextHurryMs(this.#hurriesMs, this.#hurriedMs);
    const inquiryMs = this.#inquiries.get(lookup.id)?.dueMs ?? Number.NEGATIVE_INFINITY;
    const { endedMs, jitter } = this.#lastRound ?? { endedMs: Number.NEGATIVE_INFINITY, jitter: 0 };
    const dueMs = Math.max(
      Math.min(hurryMs, inquiryMs),
      endedMs + api.paceMs * (1 + PACE_JITTER * jitter),
      earliestRoundMs(this.#roundsMs),
      api.blockedUntilMs ?? Number.NEGATIVE_INFINITY,
    );
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
  }

  watch(changed: () => void, signal: AbortSignal): void {
    this.#listeners.add(changed);
    signal.addEventListener("abort", () => this.#listeners.delete(changed), { once: true });
    this.#options.api.watch(() => {
      for (const inquiry of this.#inquiries.values()) inquiry.forgetFailures();
      changed();
    }, signal);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #resolve(checkout: Checkout): Lookup | NoLookup {
    const found = this.#resolved.get(checkout);
    if (found !== undefined) return found;
    const resolved = resolve(checkout, this.#options.settings);
    this.#resolved.set(checkout, resolved);
    return resolved;
  }

  /** A checkout that is not as it was last seen is looked up soon, again and again for a time. */
  #notice(checkout: Checkout): Lookup | NoLookup {
    if (checkout !== this.#seen?.checkout) {
      const fingerprint = fingerprintOf(checkout);
      if (this.#seen !== undefined && fingerprint !== this.#seen.fingerprint) {
        this.#hurriesMs = afterChangeMs(this.#options.clock.monotonicMs());
      }
      this.#seen = { checkout, fingerprint };
    }
    return this.#resolve(checkout);
  }

  #inquiryOf(lookup: Lookup): Inquiry {
    const { id } = lookup;
    const inquiry = this.#inquiries.get(id) ?? new Inquiry(this.#options.api, lookup);
    this.#inquiries.delete(id);
    this.#inquiries.set(id, inquiry);
    for (const oldest of this.#inquiries.keys()) {
      if (this.#inquiries.size <= MOST_REMEMBERED) break;
      this.#inquiries.delete(oldest);
      this.#told.delete(oldest);
    }
    return inquiry;
  }

  #choose({ listed, target }: Pick<Found, "listed" | "target">, checkout: Checkout): Choice<Pull> {
    return choose(listed, target, this.#ancestry.of(checkout));
  }

  /** A new commit drops nothing while git is asked about it. A branch that comes back after another one may be a new one of its name. */
  #choiceBefore({ id }: Lookup, { listed }: Found): Choice<Pull> | undefined {
    const choice = this.#lastToldId === id ? this.#told.get(id)?.choice : undefined;
    if (choice?.pull === undefined) return choice;
    const { pull: before } = choice;
    const pull = listed.find((each) => isSamePull(each, before));
    return pull && { ...choice, pull };
  }

  async #settle(found: Pick<Found, "listed" | "target">, checkout: Checkout, signal: AbortSignal) {
    for (;;) {
      const choice = this.#choose(found, checkout);
      if (choice.ask === undefined) return choice;
      await this.#ancestry.learn(checkout, choice.ask, signal);
    }
  }

  #tell(lookup: Lookup, found: Found, choice: Choice<Pull>, { head = "" }: Checkout): Known {
    const before = this.#told.get(lookup.id);
    this.#lastToldId = lookup.id;
    const isSame = before?.found === found && before.head === head && before.choice.pull === choice.pull;
    if (isSame && before.choice.undecided.length === choice.undecided.length) return before.known;
    const collected = tell(found, choice, head, lookup.description);
    const { monotonicMs, wallMs } = found.confirmed;
    const known = { ...reused(before?.known, collected), confirmedAt: { monotonicMs, wallMs } };
    this.#told.set(lookup.id, { found, head, choice, known });
    return known;
  }
}

/** The metadata as it was told before, when it says the same. */
function reused(before: Known | undefined, collected: Collected): Collected {
  if (collected.outcome !== "data" || before?.outcome !== "data") return collected;
  const isSame = isDeepStrictEqual(before.metadata, collected.metadata);
  return isSame ? { ...collected, metadata: before.metadata } : collected;
}

/** GitHub has heard of the local commit: there is nothing to wait for. */
function isInSync({ found }: Inquiry, { head }: Checkout): boolean {
  const pull = found?.parts?.pull;
  return pull !== undefined && isOpen(pull) && pull.head.sha === head;
}

/** All that it says: a checkout that differs in anything may have another pull request. */
function fingerprintOf(checkout: Checkout): string {
  return JSON.stringify(checkout);
}
