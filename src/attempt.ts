// What may fail, where it does not matter why. Any room may import it.

/** What `work` gives, or undefined when it throws. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
