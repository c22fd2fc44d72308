// What the page loads that Chromium calls the server from.

import { read, watch } from "./connect-client.ts";
import { webTransport } from "./web-transport.ts";

type Answer = { readonly data: Readonly<Record<string, { readonly value: unknown }>> };

const matrixCalls = {
  async read(protocol: string, url: string, key: string): Promise<unknown> {
    if (protocol !== "plain JSON") {
      return read(webTransport(protocol, url), key);
    }
    const response = await fetch(`${url}/metadata?keys=${key}`);
    return ((await response.json()) as Answer).data[key]?.value;
  },

  /** Until the page is closed. What it sees goes to {@link branchSeen}. */
  async watch(protocol: string, url: string, key: string): Promise<void> {
    if (protocol !== "plain JSON") {
      await watch(webTransport(protocol, url), key, branchSeen, new AbortController().signal);
      return;
    }
    const events = new EventSource(`${url}/metadata/events?keys=${key}`);
    events.addEventListener("metadata", (event) => {
      const { data } = JSON.parse(String((event as MessageEvent).data)) as Answer;
      branchSeen(data[key]?.value);
    });
    await new Promise((_, reject) => events.addEventListener("error", reject));
  },
};

declare global {
  var matrix: typeof matrixCalls;
  /** Of the test. */
  var branchSeen: (branch: unknown) => void;
}

globalThis.matrix = matrixCalls;
