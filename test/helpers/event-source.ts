// A reader of server-sent events, block by block.

import { onTestFinished } from "vitest";
import { within } from "./wait.ts";

/** One block of a stream: the value of each field, and comments under the name "". */
export type EventBlock = Readonly<Record<string, string>>;

export interface EventReader {
  readonly response: Response;
  /** The next block. Undefined at the end of the stream. */
  next(): Promise<EventBlock | undefined>;
  /** Leaves, as a closed browser window does. */
  leave(): void;
}

/** Opens a stream of events, which is left with the test. */
export async function openEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventReader> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(url, { headers, signal: abort.signal });
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  const next = async (): Promise<EventBlock | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const lines = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        return Object.fromEntries(
          lines.map((line) => {
            const colon = line.indexOf(":");
            return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
          }),
        );
      }
      const chunk = await reader?.read();
      if (chunk === undefined || chunk.done) {
        return undefined;
      }
      text += decoder.decode(chunk.value, { stream: true });
    }
  };
  return {
    response,
    next: () => within(10_000, "the next event", next()),
    leave: () => abort.abort(),
  };
}
