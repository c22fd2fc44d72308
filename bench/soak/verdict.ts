// Whether a soak was passed. Pure.

import { residentBetween, type Sample } from "./samples.ts";

/** What a soak saw. */
export interface Outcome {
  readonly samples: readonly Sample[];
  /** How long there was load, in seconds. */
  readonly loadS: number;
  readonly unexpected: number;
  /** What the server had open at rest, before the load and after it. */
  readonly descriptors: { readonly before: readonly string[]; readonly after: readonly string[] };
  /** Processes that the server left: while it ran at rest, and after its end. */
  readonly children: { readonly atRest: number; readonly afterwards: number };
  /** Of the server; null when a signal ended it. */
  readonly exitCode: number | null;
}

/** One condition of the verdict. Undefined: it could not be judged. */
export interface Judgement {
  readonly what: string;
  readonly figure: string;
  readonly met: boolean | undefined;
}

/** When memory is looked at the first time: all that is loaded once and all caches of a fixed size are there then. */
const WARM_S = 60;
const WINDOW_S = 15;
/** Shorter soaks say nothing about a trend: one garbage collection more or less weighs more. */
const SHORTEST_FOR_TREND_S = 180;
/** How much the memory may have grown. */
const MOST_GROWTH = 1.1;

export function judgeSoak(outcome: Outcome): Judgement[] {
  const { samples, loadS, unexpected, descriptors, children, exitCode } = outcome;
  const first = residentBetween(samples, WARM_S, WARM_S + WINDOW_S);
  const last = residentBetween(samples, loadS - WINDOW_S, loadS);
  const isLongEnough = loadS >= SHORTEST_FOR_TREND_S;
  const growth = isLongEnough && first !== undefined && last !== undefined ? last / first : undefined;
  return [
    { what: "errors that were not injected: none", figure: String(unexpected), met: unexpected === 0 },
    {
      what: "resident memory at the end is at most 10 % above that after the first minute",
      figure:
        growth === undefined
          ? `not judged in less than ${SHORTEST_FOR_TREND_S / 60} minutes`
          : `${first?.toFixed(1)} MB, then ${last?.toFixed(1)} MB (${((growth - 1) * 100).toFixed(1)} %)`,
      met: growth === undefined ? undefined : growth <= MOST_GROWTH,
    },
    {
      what: "no file or socket left open",
      figure: `${descriptors.before.length} before, ${descriptors.after.length} after`,
      met: descriptors.after.length <= descriptors.before.length,
    },
    {
      what: "no child process left",
      figure: `${children.atRest} at rest, ${children.afterwards} after the end`,
      met: children.atRest === 0 && children.afterwards === 0,
    },
    {
      what: "SIGTERM ends the server with exit code 0",
      figure: exitCode === null ? "killed" : String(exitCode),
      met: exitCode === 0,
    },
  ];
}

/** What is open after the load that was not before, by its kind: the numbers of sockets differ. None when there are no more. */
export function leftOf({ before, after }: Outcome["descriptors"]): string[] {
  const kind = (descriptor: string): string => descriptor.replace(/\d+/g, "N");
  const left = [...after];
  for (const descriptor of before) {
    const index = left.findIndex((other) => kind(other) === kind(descriptor));
    if (index !== -1) {
      left.splice(index, 1);
    }
  }
  return after.length > before.length ? left : [];
}

/** Whether nothing speaks against it. */
export function isPassed(judgements: readonly Judgement[]): boolean {
  return judgements.every(({ met }) => met !== false);
}
