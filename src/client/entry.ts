// What both entries give, whatever makes their clients.

import { createFleetBy, type Fleet, type FleetOptions, type FleetResult, type FleetTarget } from "./fleet.ts";
import type { FleetView, WatchFleetOptions } from "./fleet-view.ts";
import type { CreateMetadataClient } from "./metadata-client.ts";
import { type WatchMetadataOptions, watchBy } from "./watch.ts";

export type { Failure, FailureReason } from "./failure.ts";
export type { Fleet, FleetOptions, FleetResult, FleetTarget } from "./fleet.ts";
export type { FleetChange, FleetMember, FleetView, WatchFleetOptions } from "./fleet-view.ts";
export type { MetadataClient, MetadataClientOptions, Protocol, Token } from "./metadata-client.ts";
export type { Timers } from "./timers.ts";
export type { Connection, WatchMetadataOptions, WatchRequest } from "./watch.ts";

export function entryOf(createMetadataClient: CreateMetadataClient) {
  /**
   * Watches the server at `url` (see `createMetadataClient`) until `options.signal` is aborted. See `watchBy` for what it
   * promises and throws.
   */
  function watchMetadata(url: string, options: WatchMetadataOptions): Promise<void> {
    return watchBy(() => createMetadataClient(url, options), options);
  }

  /** Makes a fleet, whose connections live until `close()`. See `createFleetBy` for what it promises and throws. */
  function createFleet<T extends FleetTarget>(targets: readonly T[], options?: FleetOptions): Fleet<T> {
    return createFleetBy(createMetadataClient, targets, options);
  }

  /**
   * Reads every target once, on connections that end with it. One result per target, in their order; never rejects for a
   * target. To read again and again, `createFleet` once and `collect()` often: its connections are kept.
   *
   * @throws the signal's reason when it is aborted; {RangeError} as `createFleet` does.
   */
  async function collectFleet<T extends FleetTarget>(
    targets: readonly T[],
    options: FleetOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<FleetResult<T>[]> {
    const fleet = createFleet(targets, options);
    try {
      return await fleet.collect(options);
    } finally {
      fleet.close();
    }
  }

  /** Watches every target until `options.signal` is aborted, as one live view. */
  function watchFleet<T extends FleetTarget>(
    targets: readonly T[],
    options: FleetOptions & WatchFleetOptions<T>,
  ): FleetView<T> {
    return createFleet(targets, options).watch(options);
  }

  return { collectFleet, createFleet, watchFleet, watchMetadata };
}
