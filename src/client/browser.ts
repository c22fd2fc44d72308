// `fleet-metadata/client` for browsers: the same as index.ts, by fetch. No module of Node is in it or behind it.

import { type Entry, entryOf } from "./entry.ts";
import { createMetadataClient } from "./web-client.ts";

export { SourceState } from "../gen/fleet/metadata/v1/envelope_pb.ts";
export { MetadataView } from "../gen/fleet/metadata/v1/service_pb.ts";
export type * from "./entry.ts";
export { createMetadataClient };

const entry: Entry = entryOf(createMetadataClient);

// One by one and with their types, so that the declarations can be made file by file.
export const collectFleet: Entry["collectFleet"] = entry.collectFleet;
export const createFleet: Entry["createFleet"] = entry.createFleet;
export const watchFleet: Entry["watchFleet"] = entry.watchFleet;
export const watchMetadata: Entry["watchMetadata"] = entry.watchMetadata;
