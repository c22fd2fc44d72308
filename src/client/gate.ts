// So many at a time, the others in the order in which they came.

/** Takes a place. The function it gives leaves it again, and may be called more than once. */
export type Gate = (signal: AbortSignal) => Promise<() => void>;

/** @returns a gate that lets in `limit` at a time. Whose signal is aborted goes in at once: it has nothing to do there. */
export function createGate(limit: number): Gate {
  let free = limit;
  const waiting = new Set<() => void>();

  const leave = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      free += 1;
    } else {
      next();
    }
  };
  const once = (): (() => void) => {
    let isIn = true;
    return () => {
      if (isIn) {
        isIn = false;
        leave();
      }
    };
  };

  return (signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve(() => undefined);
      } else if (free > 0) {
        free -= 1;
        resolve(once());
      } else {
        const forget = (): void => {
          waiting.delete(enter);
          signal.removeEventListener("abort", giveUp);
        };
        const enter = (): void => {
          forget();
          resolve(once());
        };
        const giveUp = (): void => {
          forget();
          resolve(() => undefined);
        };
        waiting.add(enter);
        signal.addEventListener("abort", giveUp);
      }
    });
}
