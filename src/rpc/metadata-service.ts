// The handlers of fleet.metadata.v1.MetadataService. The only room that picks a Connect code.

import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
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

export interface MetadataHandlersOptions {
  readonly service: MetadataService;
  readonly clock: Clock;
  readonly serverVersion: string;
}

export function createMetadataHandlers({
  service,
  clock,
  serverVersion,
}: MetadataHandlersOptions): ServiceImpl<typeof MetadataServiceDescriptor> {
  const answerContext = (): AnswerContext => ({ serverVersion, nowMs: clock.wallMs() });
  const keys = createKeyList(service);

  return {
    async getMetadata({ keys, maxAge, view }, { signal }) {
      const selection = checked(() => selectKeys(service.catalogue, keys));
      const maxAgeMs = checked(() => parseMaxAge(maxAge));
      const wantedView = checked(() => parseView(view));
      const snapshot = await service.read({
        selection,
        signal,
        ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
      });
      return createResponse(service, snapshot, selection, wantedView, answerContext());
    },

    async *watchMetadata({ keys, view, heartbeatInterval }, { signal }) {
      const selection = checked(() => selectKeys(service.catalogue, keys));
      const heartbeatMs = checked(() => parseHeartbeat(heartbeatInterval));
      const wantedView = checked(() => parseView(view));
      for await (const snapshot of watchMetadata(service, { selection, heartbeatMs, signal })) {
        const metadata = createResponse(service, snapshot, selection, wantedView, answerContext());
        yield create(WatchMetadataResponseSchema, { metadata });
      }
      signal.throwIfAborted();
    },

    listKeys: () => create(ListKeysResponseSchema, { keys }),
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

function parseHeartbeat(interval: Duration | undefined): number {
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

function parseView(view: MetadataView): MetadataView {
  const views: readonly number[] = Object.values(MetadataView);
  if (!views.includes(view)) {
    const allowed = Object.keys(MetadataView)
      .map((name) => name.toLowerCase())
      .join(", ");
    throw new InvalidRequestError("view", `${view} is not a view; allowed are ${allowed}`);
  }
  return view;
}

/** Turns what the client got wrong into the code that says so. */
function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof InvalidRequestError) {
      throw new ConnectError(error.message, Code.InvalidArgument, undefined, undefined, error);
    }
    throw error;
  }
}
