// One signal that follows another.

/** Aborts `to` with `from`. @returns the function that ends this. */
export function link(from: AbortSignal | undefined, to: AbortController): () => void {
  const abort = (): void => to.abort(from?.reason);
  from?.addEventListener("abort", abort, { once: true });
  if (from?.aborted) {
    abort();
  }
  return () => from?.removeEventListener("abort", abort);
}
