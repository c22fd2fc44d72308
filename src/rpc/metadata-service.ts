// The handlers of fleet.metadata.v1.MetadataService.

import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { createContextKey, type ServiceImpl } from "@connectrpc/connect";
import { MetadataKeySchema } from "../gen/fleet/metadata/v1/envelope_pb.ts";
import {
  ListKeysResponseSchema,
  type MetadataService as MetadataServiceDescriptor,
  MetadataView,
  WatchMetadataResponseSchema,
} from "../gen/fleet/metadata/v1/service_pb.ts";
import type { Clock } from "../metadata/clock.ts";
import { InvalidRequestError } from "../metadata/invalid-request-error.ts";
import { REQUEST_LIMITS } from "../metadata/limits.ts";
import { type AnswerContext, createResponse } from "../metadata/response.ts";
import { selectKeys } from "../metadata/selection.ts";
import type { MetadataService } from "../metadata/service.ts";
import { watchMetadata } from "../metadata/watch.ts";
import { asRpcError } from "./errors.ts";

export interface MetadataHandlersOptions {
  readonly service: MetadataService;
  readonly clock: Clock;
  readonly serverVersion: string;
  /** Hears of defects: a handler failed with something that is no answer to a client. */
  readonly onError: (error: unknown) => void;
}

/** What streams of states say beside the protocol's own: a proxy such as nginx would keep the states until the stream is over. */
export const WATCH_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["x-accel-buffering", "no"],
];

/** What stands for the request that a handler serves, where that is traced. */
export const CAUSE = createContextKey<object | undefined>(undefined);

export function createMetadataHandlers(
  options: MetadataHandlersOptions,
): ServiceImpl<typeof MetadataServiceDescriptor> {
  const { service, clock, serverVersion, onError } = options;
  const answerContext = (): AnswerContext => ({ serverVersion, nowMs: clock.wallMs() });
  const keyList = createKeyList(service);

  return {
    async getMetadata({ keys, maxAge, view }, { signal, values }) {
      try {
        const selection = selectKeys(service.catalogue, keys);
        const maxAgeMs = parseMaxAge(maxAge);
        const wantedView = parseView(view);
        const cause = values.get(CAUSE);
        const read = { selection, signal, cause, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) };
        await service.read(read);
        return createResponse(service, selection, wantedView, answerContext());
      } catch (error) {
        throw asRpcError(error, signal, onError);
      }
    },

    async *watchMetadata({ keys, view, heartbeatInterval }, { signal, responseHeader, values }) {
      for (const [name, value] of WATCH_HEADERS) {
        responseHeader.set(name, value);
      }
      try {
        const selection = selectKeys(service.catalogue, keys);
        const heartbeatMs = parseHeartbeat(heartbeatInterval);
        const wantedView = parseView(view);
        const cause = values.get(CAUSE);
        for await (const _ of watchMetadata(service, { selection, heartbeatMs, signal, cause })) {
          const message = create(WatchMetadataResponseSchema, {
            metadata: createResponse(service, selection, wantedView, answerContext()),
          });
          yield message;
          // It is written. The library keeps it until there is another one: 5 KiB for each stream that waits.
          delete message.metadata;
        }
        signal.throwIfAborted();
      } catch (error) {
        throw asRpcError(error, signal, onError);
      }
    },

    listKeys: () => create(ListKeysResponseSchema, { keys: keyList }),
  };
}

function createKeyList({ catalogue }: MetadataService) {
  return catalogue.leaves.map(({ key, schema, source }) =>
    create(MetadataKeySchema, { key, schema, source }),
  );
}

function parseMaxAge(maxAge: Duration | undefined): number | undefined {
  const ms = maxAge && durationMs(maxAge);
  if (ms !== undefined && !(ms >= 0)) {
    throw new InvalidRequestError("max_age", `${ms} ms is negative; allowed is zero or more`);
  }
  return ms;
}

/** In milliseconds. @throws {InvalidRequestError} when it is out of the range of {@link REQUEST_LIMITS}. */
export function parseHeartbeat(interval: Duration | undefined): number {
  const { min, max, default: fallback } = REQUEST_LIMITS.heartbeatMs;
  const ms = interval === undefined ? fallback : durationMs(interval);
  if (!(ms >= min && ms <= max)) {
    throw new InvalidRequestError(
      "heartbeat_interval",
      `${ms} ms is out of range; allowed is ${min} ms to ${max} ms`,
    );
  }
  return ms;
}

/** The view. @throws {InvalidRequestError} when the contract does not know it. */
export function parseView(view: MetadataView): MetadataView {
  const views: readonly number[] = Object.values(MetadataView);
  if (!views.includes(view)) {
    const allowed = Object.keys(MetadataView)
      .map((name) => name.toLowerCase())
      .join(", ");
    throw new InvalidRequestError("view", `${view} is not a view; allowed are ${allowed}`);
  }
  return view;
}
