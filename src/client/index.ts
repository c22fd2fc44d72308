// `fleet-metadata/client` for Node: typed clients, watching one server, reading a whole fleet. Touches the network only.

import { entryOf } from "./entry.ts";
import { createMetadataClient } from "./node-client.ts";

export type * from "./entry.ts";
export { createMetadataClient };

/** See entry.ts for what each of them promises and throws. */
export const { collectFleet, createFleet, watchFleet, watchMetadata } = entryOf(createMetadataClient);
