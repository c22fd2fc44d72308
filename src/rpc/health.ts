// grpc.health.v1: how gRPC probes and load balancers ask whether the server takes part.

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../gen/health/v1/health_pb.ts";
import type { Lifecycle } from "../metadata/lifecycle.ts";

/** What health is made of. */
export interface HealthOptions {
  readonly lifecycle: Lifecycle;
  /** Full names of the services that can be asked for. The empty name, the server as a whole, is always among them. */
  readonly services: readonly string[];
}

/** All services share the server's state: none can serve while another one cannot. */
export function createHealthHandlers(options: HealthOptions): ServiceImpl<typeof Health> {
  const { lifecycle } = options;
  const services = new Set(["", ...options.services]);
  const current = (): HealthCheckResponse => {
    const isServing = lifecycle.state === "healthy";
    return response(isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
  };

  return {
    check({ service }) {
      if (!services.has(service)) {
        throw new ConnectError(`there is no service "${service}"`, Code.NotFound);
      }
      return current();
    },

    list: () => ({
      statuses: Object.fromEntries([...services].map((service) => [service, current()])),
    }),

    async *watch({ service }, { signal }) {
      if (!services.has(service)) {
        yield response(ServingStatus.SERVICE_UNKNOWN);
        await aborted(signal);
        throw signal.reason;
      }
      let sent: ServingStatus | undefined;
      for (;;) {
        const next = current();
        if (next.status !== sent) {
          sent = next.status;
          yield next;
          continue;
        }
        signal.throwIfAborted();
        await changeOrAbort(lifecycle, sent, current, signal);
      }
    },
  };
}

function response(status: ServingStatus): HealthCheckResponse {
  return create(HealthCheckResponseSchema, { status });
}

/** Resolves when the status is not `sent` any more, and when the call ends. */
async function changeOrAbort(
  lifecycle: Lifecycle,
  sent: ServingStatus,
  current: () => HealthCheckResponse,
  signal: AbortSignal,
): Promise<void> {
  const changed = Promise.withResolvers<void>();
  const unsubscribe = lifecycle.subscribe(() => {
    if (current().status !== sent) {
      changed.resolve();
    }
  });
  try {
    await Promise.race([changed.promise, aborted(signal)]);
  } finally {
    unsubscribe();
  }
}

/** Resolves when the call ends. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    } else {
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
