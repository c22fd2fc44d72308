// Whether the server takes part: one answer for every kind of probe.

/** In this order, never back. */
export type LifecycleState = "starting" | "healthy" | "stopping";

/** The state of one server's run, and who wants to hear of it. */
export class Lifecycle {
  #state: LifecycleState = "starting";
  readonly #listeners = new Set<() => void>();

  get state(): LifecycleState {
    return this.#state;
  }

  /** Enters another state, and tells everybody who listens. */
  enter(state: LifecycleState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
}
