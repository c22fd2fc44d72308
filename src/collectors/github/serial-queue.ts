// One at a time: servers that share a token must not ask for everything at once, and after a refusal nothing may be under way.

/** Runs one task after the other, in the order in which they came. */
export interface SerialQueue {
  /** @throws the reason of `signal` when it is aborted before the task has begun; what the task throws. */
  run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (task, signal) => {
      const before = last;
      const mine = (async () => {
        await turn(before, signal);
        signal.throwIfAborted();
        return task();
      })();
      // One that gives up waiting does not let the next one overtake those before it.
      last = Promise.allSettled([before, mine]);
      return mine;
    },
  };
}

/** Resolves when those before have ended, which never fails, or when the signal is aborted. */
function turn(before: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    void before.then(done);
    if (signal.aborted) {
      done();
    }
  });
}
