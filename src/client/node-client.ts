// Clients for Node: each has connections of its own, which its calls share.

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { createHttp2Connection } from "./http2-session.ts";
import {
  authorize,
  checkedOptions,
  clientOf,
  type MetadataClient,
  type MetadataClientOptions,
  READ_MAX_BYTES,
} from "./metadata-client.ts";

/**
 * Makes a client. It connects at the first call and keeps its connections for further ones until `close()`; idle ones do
 * not keep the process alive.
 *
 * @param url `http://host:port`, `https://host:port`, each with a path when a proxy has one, or `unix:PATH`.
 * @throws {TypeError} when `url` is no such address, or the protocol is none; {RangeError} when `timeoutMs` is out of range.
 */
export function createMetadataClient(url: string, options: MetadataClientOptions = {}): MetadataClient {
  const { protocol, limit } = checkedOptions(options);
  const socketPath = url.startsWith("unix:") ? url.slice("unix:".length) : undefined;
  const baseUrl = socketPath === undefined ? url : "http://localhost";
  const { protocol: scheme, origin } = new URL(baseUrl);
  if (scheme !== "http:" && scheme !== "https:") {
    throw new TypeError(
      `"${url}" is no address; allowed is http://host:port, https://host:port or unix:PATH`,
    );
  }
  const shared = {
    baseUrl,
    readMaxBytes: READ_MAX_BYTES,
    interceptors: authorize(options.token),
    ...limit,
  };
  if (protocol === "grpc") {
    const connection = createHttp2Connection(origin, socketPath);
    const transport = createGrpcTransport({ ...shared, sessionManager: connection });
    return clientOf(transport, () => connection.close());
  }
  const agent =
    scheme === "https:" ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const nodeOptions = { agent, ...(socketPath === undefined ? {} : { socketPath }) };
  const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  return clientOf(create({ ...shared, httpVersion: "1.1", nodeOptions }), () => agent.destroy());
}
