// An actor does one kind of thing over and over until the soak ends.

import { setTimeout as sleep } from "node:timers/promises";
import type { Scene } from "./scene.ts";

/** Runs until the signal is aborted. */
export type Actor = (scene: Scene, signal: AbortSignal) => Promise<void>;

/** How long anything may take that an actor waits for, in milliseconds. */
export const DEADLINE_MS = 20_000;

/** Does something again and again, with a pause of up to twice `pauseMs` after each time. */
export async function repeat(
  { random }: Scene,
  signal: AbortSignal,
  pauseMs: number,
  action: (round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; !signal.aborted; round += 1) {
    await action(round);
    await pause(random() * 2 * pauseMs, signal);
  }
}

/** Waits; the signal ends it early. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** A signal that is aborted with another one, or at the deadline. */
export function withDeadline(signal: AbortSignal, ms: number = DEADLINE_MS): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}

/** One line about what was thrown. */
export function say(thrown: unknown): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? ` (${thrown.cause.message})` : "";
  return `${text}${cause}`.replaceAll(/\s+/g, " ").slice(0, 300);
}

export function pick<T>(random: () => number, from: readonly [T, ...T[]]): T {
  return from[Math.floor(random() * from.length)] ?? from[0];
}
