// `fleet-metadata/client` for browsers: typed clients, watching one server, reading a whole fleet. Touches the network only.

import { type WatchMetadataOptions, watchBy } from "./watch.ts";
import { createMetadataClient } from "./web-client.ts";

export type { Failure, FailureReason } from "./failure.ts";
export type { MetadataClient, MetadataClientOptions, Protocol, Token } from "./metadata-client.ts";
export type { Timers } from "./timers.ts";
export type { Connection, WatchMetadataOptions, WatchRequest } from "./watch.ts";
export { createMetadataClient } from "./web-client.ts";

/**
 * Watches the server at `url` (see `createMetadataClient`) until `options.signal` is aborted. See `watchBy` for what it
 * promises and throws.
 */
export function watchMetadata(url: string, options: WatchMetadataOptions): Promise<void> {
  return watchBy(() => createMetadataClient(url, options), options);
}
