// Typed clients of the metadata service, for programs and for our own commands. Touches the network only.

import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { MetadataService } from "../gen/fleet/metadata/v1/service_pb.ts";

export type MetadataClient = Client<typeof MetadataService>;

export interface MetadataClientOptions {
  /** Sent as bearer token when given. */
  readonly token?: string;
  /** How long a call may take, in milliseconds. Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Makes a client that speaks Connect over HTTP/1.1.
 *
 * @param url `http://host:port`, `https://host:port`, or `unix:PATH`.
 */
export function createMetadataClient(url: string, options: MetadataClientOptions = {}): MetadataClient {
  const { token, timeoutMs = 10_000 } = options;
  const socketPath = url.startsWith("unix:") ? url.slice("unix:".length) : undefined;
  const transport = createConnectTransport({
    baseUrl: socketPath === undefined ? url : "http://localhost",
    httpVersion: "1.1",
    defaultTimeoutMs: timeoutMs,
    useHttpGet: false,
    ...(socketPath === undefined ? {} : { nodeOptions: { socketPath } }),
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) {
          request.header.set("authorization", `Bearer ${token}`);
        }
        return next(request);
      },
    ],
  });
  return createClient(MetadataService, transport);
}
