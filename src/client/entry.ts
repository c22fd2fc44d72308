// What both entries give, whatever makes their clients.

import { createFleetBy, type Fleet, type FleetOptions, type FleetResult, type FleetTarget } from "./fleet.ts";
import type { FleetView, WatchFleetOptions } from "./fleet-view.ts";
import type { CreateMetadataClient } from "./metadata-client.ts";
import { type WatchMetadataOptions, watchBy } from "./watch.ts";

export type { MetadataEntry, SourceStatus } from "../gen/fleet/metadata/v1/envelope_pb.ts";
export type { GetMetadataResponse } from "../gen/fleet/metadata/v1/service_pb.ts";
export type { Failure, FailureReason } from "./failure.ts";
export type { Fleet, FleetOptions, FleetResult, FleetTarget } from "./fleet.ts";
export type { FleetChange, FleetMember, FleetView, WatchFleetOptions } from "./fleet-view.ts";
export type { MetadataClient, MetadataClientOptions, Protocol, Token } from "./metadata-client.ts";
export type { Timers } from "./timers.ts";
export type { Connection, WatchMetadataOptions, WatchRequest } from "./watch.ts";

/** What both entries give beside their own `createMetadataClient`. */
export interface Entry {
  /**
   * Watches the server at `url` (see `createMetadataClient`) until `options.signal` is aborted. See `watchBy` for what it
   * promises and throws.
   */
  watchMetadata(url: string, options: WatchMetadataOptions): Promise<void>;
  /** Makes a fleet, whose connections live until `close()`. See `createFleetBy` for what it promises and throws. */
  createFleet<T extends FleetTarget>(targets: readonly T[], options?: FleetOptions): Fleet<T>;
  /**
   * Reads every target once, on connections that end with it. One result per target, in their order; never rejects for a
   * target. To read again and again, `createFleet` once and `collect()` often: its connections are kept.
   *
   * @throws the signal's reason when it is aborted; {RangeError} as `createFleet` does.
   */
  collectFleet<T extends FleetTarget>(
    targets: readonly T[],
    options?: FleetOptions & { readonly signal?: AbortSignal },
  ): Promise<FleetResult<T>[]>;
  /** Watches every target until `options.signal` is aborted, as one live view. */
  watchFleet<T extends FleetTarget>(
    targets: readonly T[],
    options: FleetOptions & WatchFleetOptions<T>,
  ): FleetView<T>;
}

export function entryOf(createMetadataClient: CreateMetadataClient): Entry {
  return {
    watchMetadata: (url, options) => watchBy(() => createMetadataClient(url, options), options),
    createFleet: (targets, options) => createFleetBy(createMetadataClient, targets, options),
    async collectFleet(targets, options = {}) {
      const fleet = createFleetBy(createMetadataClient, targets, options);
      try {
        return await fleet.collect(options);
      } finally {
        fleet.close();
      }
    },
    watchFleet: (targets, options) => createFleetBy(createMetadataClient, targets, options).watch(options),
  };
}
