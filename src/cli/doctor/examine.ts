// Runs checks: all at once, each with its deadline, so that one that hangs or breaks costs its own line.

import { type Check, type Examined, type Finding, problem, warning } from "./check.ts";

/**
 * @param signal ends all of them.
 * @returns in the order of the checks.
 * @throws the reason of `signal` when that is aborted.
 */
export async function examine(checks: readonly Check[], signal: AbortSignal): Promise<Examined[]> {
  const found = await Promise.all(
    checks.map(async (check) => ({ check: check.name, ...(await runOne(check, signal)) })),
  );
  signal.throwIfAborted();
  return found;
}

async function runOne({ run, deadlineMs }: Check, outer: AbortSignal): Promise<Finding> {
  const late = new AbortController();
  const { promise: tooLate, resolve } = Promise.withResolvers<Finding>();
  const timer = setTimeout(() => {
    const found = `this was not found out within ${deadlineMs / 1_000} s`;
    resolve(warning(found, "look at what it depends on: a network, a file system that does not answer"));
    late.abort(new Error(found));
  }, deadlineMs);
  const onAbort = (): void => resolve(warning("this was not found out: the doctor was interrupted"));
  outer.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([run(AbortSignal.any([outer, late.signal])), tooLate]);
  } catch (error) {
    if (outer.aborted || late.signal.aborted) {
      return await tooLate;
    }
    return problem(`this check has failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", onAbort);
  }
}
