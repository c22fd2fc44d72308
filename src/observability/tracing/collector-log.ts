// What the log says about a collector: that it began to fail, and that it works again. Once each, however often it is tried.

import type { Logger } from "../log.ts";

/** @returns what is to be called after each batch. `failure`: why it was lost; undefined when it was taken. */
export function createCollectorLog(
  log: Logger,
  url: string,
): (failure: string | undefined, spans: number) => void {
  const collector = shown(url);
  let lostSpans = 0;
  return (failure, spans) => {
    if (failure !== undefined) {
      if (lostSpans === 0) {
        log.warn({ collector, message: failure }, `traces are lost: ${collector} ${failure}`);
      }
      lostSpans += spans;
    } else if (lostSpans > 0) {
      log.info({ collector, lostSpans }, `traces are sent again to ${collector}`);
      lostSpans = 0;
    }
  };
}

/** Without user and password. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
