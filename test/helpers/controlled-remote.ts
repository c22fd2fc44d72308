// A remote collector whose every refresh and preparation a test ends by hand, and checkouts for it to follow.

import type { Checkout } from "../../src/collectors/checkout.ts";
import type { Clock } from "../../src/collectors/clock.ts";
import { type CollectContext, CollectError, type Problem } from "../../src/collectors/collector.ts";
import type { Known, RateLimit, RemoteCollector } from "../../src/collectors/remote-collector.ts";

/** A branch with its commit. */
export function checkoutOf(branch: string, head = "1".repeat(40)): Checkout {
  return {
    repository: "/repository/.git",
    branch,
    head,
    remotes: [{ name: "origin", url: "https://github.com/octo/app.git" }],
    branchConfig: {},
    isAncestor: async () => true,
  };
}

/** What a refresh finds: the number of a pull request, none, or that it failed. */
export type Finding = number | "none" | Error;

/** One refresh or preparation that runs. */
export interface Question {
  readonly checkout: Checkout;
  readonly signal: AbortSignal;
  end(finding: Finding): void;
}

export interface ControlledRemoteOptions {
  /** How long what was found counts, in milliseconds. Default 30 s. */
  readonly ttlMs?: number;
  /** Whether a question goes on when its signal is aborted. Default false. */
  readonly ignoresSignal?: boolean;
}

/** Pull requests by branch. What a commit has to do with one is found out by a preparation where that is asked for. */
export class ControlledRemote implements RemoteCollector {
  readonly source = "github";
  rateLimit: RateLimit | undefined;
  obstacle: Problem | undefined;
  /** Refreshes that began, by branch, in order. */
  readonly asked: string[] = [];
  /** Preparations that began, by commit, in order. */
  readonly prepared: string[] = [];
  /** The most refreshes that ran at once. */
  mostAtOnce = 0;
  /** Whether what is known of a pull request depends on a preparation for each commit. Default false. */
  needsPreparation = false;
  /** Thrown by what must not throw. */
  defect: Error | undefined;
  /** When to ask next, in place of the time to live. */
  due: number | undefined;
  readonly refreshes = new Set<Question>();
  readonly preparations = new Set<Question>();
  readonly #clock: Clock;
  readonly #options: ControlledRemoteOptions;
  readonly #known = new Map<string, Known>();
  readonly #numbers = new Map<string, number>();
  readonly #dueMs = new Map<string, number>();
  readonly #heads = new Set<string>();
  #changed: (() => void) | undefined;

  constructor(clock: Clock, options: ControlledRemoteOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  about({ branch }: Checkout): string | undefined {
    return branch && `pull requests of base octo/app, head octo/app:${branch}`;
  }

  known({ branch, head }: Checkout): Known | undefined {
    this.#throwDefect();
    if (branch === undefined) {
      return { outcome: "no_data", reason: "DETACHED", message: "no branch is checked out" };
    }
    const known = this.#known.get(branch);
    const isUnclear = this.needsPreparation && !this.#heads.has(head ?? "");
    return known?.outcome === "data" && isUnclear ? undefined : known;
  }

  prepare(checkout: Checkout, context: CollectContext): Promise<void> | undefined {
    const { branch = "", head = "" } = checkout;
    if (!(this.needsPreparation && this.#numbers.has(branch)) || this.#heads.has(head)) {
      return undefined;
    }
    this.prepared.push(head);
    return this.#ask(this.preparations, checkout, context, () => this.#heads.add(head));
  }

  async refresh(checkout: Checkout, context: CollectContext): Promise<void> {
    const { branch = "" } = checkout;
    this.asked.push(branch);
    const done = this.#ask(this.refreshes, checkout, context, (finding) => this.learn(branch, finding));
    this.mostAtOnce = Math.max(this.mostAtOnce, this.refreshes.size);
    try {
      await done;
    } finally {
      this.#dueMs.set(branch, this.#clock.monotonicMs() + (this.#options.ttlMs ?? 30_000));
    }
  }

  dueAtMs({ branch }: Checkout): number | undefined {
    this.#throwDefect();
    return branch === undefined ? undefined : (this.due ?? this.#dueMs.get(branch) ?? 0);
  }

  watch(changed: () => void, signal: AbortSignal): void {
    this.#changed = changed;
    signal.addEventListener("abort", () => {
      this.#changed = undefined;
    });
  }

  /** Whether somebody listens. */
  get isWatched(): boolean {
    return this.#changed !== undefined;
  }

  /** What was found of a branch, as a refresh would have. */
  learn(branch: string, finding: Finding): void {
    const confirmedAt = { wallMs: this.#clock.wallMs(), monotonicMs: this.#clock.monotonicMs() };
    if (typeof finding === "number") {
      this.#numbers.set(branch, finding);
      const pr = { number: finding, title: `of ${branch}` };
      this.#known.set(branch, { outcome: "data", metadata: { github: { pr } }, confirmedAt });
    } else if (finding === "none") {
      const message = "there is no pull request";
      this.#known.set(branch, { outcome: "no_data", reason: "NO_PULL_REQUEST", message, confirmedAt });
    }
  }

  /** Tells that something may be different, now due at this moment. */
  change(dueMs: number): void {
    this.due = dueMs;
    this.#changed?.();
  }

  /** The refresh that runs. */
  get refreshing(): Question {
    const [question] = this.refreshes;
    if (question === undefined) {
      throw new Error("no refresh runs");
    }
    return question;
  }

  /** Ends the preparation that runs. */
  endPreparation(finding: Error | "none" = "none"): void {
    const [question] = this.preparations;
    if (question === undefined) {
      throw new Error("no preparation runs");
    }
    question.end(finding);
  }

  /** Ends everything that still runs. */
  release(): void {
    for (const question of [...this.refreshes, ...this.preparations]) {
      question.end(new CollectError("RELEASED", "the test is over"));
    }
  }

  #throwDefect(): void {
    if (this.defect !== undefined) {
      throw this.defect;
    }
  }

  async #ask(
    running: Set<Question>,
    checkout: Checkout,
    { signal }: CollectContext,
    found: (finding: Finding) => void,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<Finding>();
    const end = (finding: Finding): void => (finding instanceof Error ? reject(finding) : resolve(finding));
    const question: Question = { checkout, signal, end };
    const onAbort = (): void => reject(signal.reason);
    if (this.#options.ignoresSignal !== true) {
      signal.addEventListener("abort", onAbort, { once: true });
    }
    running.add(question);
    try {
      found(await promise);
    } finally {
      running.delete(question);
      signal.removeEventListener("abort", onAbort);
    }
  }
}
