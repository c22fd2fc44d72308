// How many listeners for changes a server has.

import type { FleetMetadataServer } from "../../src/server.ts";

/** Counts from now on. */
export function countSubscribers({ service }: Pick<FleetMetadataServer, "service">): () => number {
  const active = new Set<object>();
  const original = service.subscribe.bind(service);
  service.subscribe = (listener, sources) => {
    const token = {};
    active.add(token);
    const end = original(listener, sources);
    return () => {
      active.delete(token);
      end();
    };
  };
  return () => active.size;
}
