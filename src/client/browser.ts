// `fleet-metadata/client` for browsers: the same as index.ts, by fetch. No module of Node is in it or behind it.

import { entryOf } from "./entry.ts";
import { createMetadataClient } from "./web-client.ts";

export type * from "./entry.ts";
export { createMetadataClient };

/** See entry.ts for what each of them promises and throws. */
export const { collectFleet, createFleet, watchFleet, watchMetadata } = entryOf(createMetadataClient);
