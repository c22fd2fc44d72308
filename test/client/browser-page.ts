// What the page of browser.test.ts loads: the client for browsers, within reach of the test.

import * as client from "../../src/client/browser.ts";

declare global {
  var fleetMetadata: typeof client;
  /** Branches that the watch of a test has seen. */
  var seen: unknown[];
}

globalThis.fleetMetadata = client;
globalThis.seen = [];
