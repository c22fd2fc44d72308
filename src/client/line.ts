// The connection to one server of a fleet, kept over any number of reads.

import type { GetMetadataResponse, MetadataView } from "../gen/fleet/metadata/v1/service_pb.ts";
import { badAnswer, explainFailure, type Failure } from "./failure.ts";
import type { MetadataClient } from "./metadata-client.ts";
import type { Timers } from "./timers.ts";

interface LineRequest {
  readonly keys: string[];
  readonly view: MetadataView;
}

interface LineCall {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export interface Line {
  /** Reads once. Never rejects. */
  read(request: LineRequest, call: LineCall): Promise<GetMetadataResponse | Failure>;
  /** Ends the connection. Reads in progress fail. */
  close(): void;
}

export function createLine(connect: () => MetadataClient, timers: Timers): Line {
  let current: MetadataClient | undefined;
  /** Clients in use, with the number of their calls. */
  const calls = new Map<MetadataClient, number>();

  async function readBy(request: LineRequest, call: LineCall): Promise<GetMetadataResponse> {
    current ??= connect();
    const client = current;
    calls.set(client, (calls.get(client) ?? 0) + 1);
    try {
      const response = await client.getMetadata(request, call);
      if (response.meta === undefined) {
        throw badAnswer("the answer has no state");
      }
      return response;
    } catch (error) {
      // Not used again: a dead connection would cost each later read its whole time.
      if (current === client) {
        current = undefined;
      }
      throw error;
    } finally {
      const left = (calls.get(client) ?? 1) - 1;
      calls.set(client, left);
      if (left === 0) {
        calls.delete(client);
        if (current !== client) {
          client.close();
        }
      }
    }
  }

  return {
    async read(request, call) {
      const startedMs = timers.nowMs();
      const wasKept = current !== undefined;
      try {
        return await readBy(request, call);
      } catch (error) {
        const failure = explainFailure(error);
        // Protocols count in whole milliseconds.
        const leftMs = Math.floor(call.timeoutMs - (timers.nowMs() - startedMs));
        if (!wasKept || failure.reason !== "unreachable" || call.signal.aborted || leftMs <= 0) {
          return failure;
        }
        // A kept connection may have ended since it was last used, which says nothing about the server.
        return await readBy(request, { ...call, timeoutMs: leftMs }).catch(explainFailure);
      }
    },
    close() {
      const all = new Set(calls.keys());
      if (current !== undefined) {
        all.add(current);
      }
      current = undefined;
      for (const client of all) {
        client.close();
      }
    },
  };
}
