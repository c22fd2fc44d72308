// Keeps what one evidence source last said, and asks again when that is due. Whoever needs the answer waits for a moment only: one
// that is slow or far away is asked in the background, and what it said last counts meanwhile.

import { isDeepStrictEqual } from "node:util";
import type { TaskEvidence } from "../../gen/fleet/metadata/v1/workspace_pb.ts";
import { type EvidenceSource, type Finding, NOTHING } from "./finding.ts";

/** Where a poller tells that there is another answer than before. */
export interface PollerListener {
  /** An answer came that nobody waited for. */
  changed(): void;
  /** Aborted when nobody needs any answer any more. */
  readonly signal: AbortSignal;
}

/** How long a caller waits for an answer, in milliseconds. */
export const WAIT_MS = 500;

/** Asks one evidence source. */
export class Poller {
  readonly #source: EvidenceSource;
  readonly #monotonicMs: () => number;
  #known: Finding = NOTHING;
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #hasAnswered = false;
  #isAwaited = false;
  /** Whether a caller has waited in vain, so that none waits until an answer was there in time. */
  #isSlow = false;
  #listener: PollerListener | undefined;

  /** @param monotonicMs a clock that never goes back. */
  constructor(source: EvidenceSource, monotonicMs: () => number) {
    this.#source = source;
    this.#monotonicMs = monotonicMs;
  }

  get kind(): TaskEvidence {
    return this.#source.kind;
  }

  /** How long an answer counts, in milliseconds. */
  get periodMs(): number {
    return this.#source.periodMs();
  }

  /** What the evidence source said last. */
  get known(): Finding {
    return this.#known;
  }

  /** Follows its events, where it has any, while it is used. */
  watch(listener: PollerListener): void {
    this.#listener = listener;
  }

  /** Its answer is of use: asks if the last one is too old. Does not wait. */
  use(): void {
    const nowMs = this.#monotonicMs();
    if (this.#listener?.signal.aborted) {
      return;
    }
    if (this.#asking === undefined && nowMs - this.#askedMs >= this.periodMs) {
      this.#askedMs = nowMs;
      this.#asking = this.#ask();
    }
    this.#follow();
  }

  #follow(): void {
    if (this.#listener !== undefined) {
      this.#source.follow?.((finding) => this.#told(finding), this.#listener.signal);
    }
  }

  /**
   * Whether an answer is under way that is likely to come in time: not one that others have waited for in vain, nor another
   * than the first from far away.
   */
  get isWorthWaiting(): boolean {
    const isKnown = this.#source.isRemote && this.#hasAnswered;
    return this.#asking !== undefined && !this.#isSlow && !isKnown;
  }

  /** Waits for the answer that is under way, until `limit` is aborted. */
  async answered(limit: AbortSignal): Promise<void> {
    if (limit.aborted) {
      return;
    }
    this.#isAwaited = true;
    let giveUp = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      giveUp = () => {
        this.#isSlow = true;
        this.#isAwaited = false;
        resolve();
      };
      limit.addEventListener("abort", giveUp, { once: true });
    });
    try {
      await Promise.race([this.#asking, over]);
    } finally {
      limit.removeEventListener("abort", giveUp);
    }
  }

  async #ask(): Promise<void> {
    const startedMs = this.#monotonicMs();
    const { deadlineMs } = this.#source;
    const deadline = AbortSignal.timeout(deadlineMs);
    const signal = this.#listener ? AbortSignal.any([deadline, this.#listener.signal]) : deadline;
    try {
      const finding = await this.#source.ask(signal);
      this.#isSlow &&= this.#monotonicMs() - startedMs > WAIT_MS;
      this.#told(finding);
      this.#follow();
    } catch (error) {
      if (!this.#listener?.signal.aborted) {
        this.#told({ problem: defect(error) });
      }
    } finally {
      this.#hasAnswered = true;
      this.#asking = undefined;
      this.#isAwaited = false;
    }
  }

  /** An answer: one that brings nothing but a problem leaves what was said before, as stale. */
  #told(finding: Finding): void {
    const { task } = this.#known;
    const { problem } = finding;
    const isLost = finding.task === undefined && problem !== undefined && task !== undefined;
    const next: Finding = isLost ? { task, stale: problem } : finding;
    if (next === this.#known || isDeepStrictEqual(next, this.#known)) {
      return;
    }
    this.#known = next;
    if (!this.#isAwaited) {
      this.#listener?.changed();
    }
  }
}

function defect(error: unknown): { reason: string; message: string } {
  return { reason: "TASK_EVIDENCE_DEFECT", message: `evidence of the task failed unexpectedly: ${error}` };
}
