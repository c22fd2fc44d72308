// Clients for browsers, by fetch. The browser owns the connections.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import {
  authorize,
  checkedOptions,
  clientOf,
  type MetadataClient,
  type MetadataClientOptions,
} from "./metadata-client.ts";

/**
 * Makes a client. The server must allow the page's origin (`--allowed-origin`).
 *
 * @param url `http://host:port` or `https://host:port`, each with a path when a proxy has one.
 * @throws {TypeError} when `url` is no such address, and for the protocol "grpc", which a browser cannot speak;
 *   {RangeError} when `timeoutMs` is out of range.
 */
export function createMetadataClient(url: string, options: MetadataClientOptions = {}): MetadataClient {
  const { protocol, limit } = checkedOptions(options);
  if (!/^https?:$/.test(new URL(url).protocol)) {
    throw new TypeError(`"${url}" is no address; allowed is http://host:port or https://host:port`);
  }
  if (protocol === "grpc") {
    throw new TypeError('a browser does not speak "grpc"; allowed are "connect" and "grpc-web"');
  }
  const gone = new AbortController();
  const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  const transport = create({
    baseUrl: url,
    useBinaryFormat: true,
    interceptors: authorize(options.token),
    fetch: (input, init = {}) => fetch(input, { ...init, signal: either(gone.signal, init.signal) }),
    ...limit,
  });
  return clientOf(transport, () => gone.abort());
}

function either(one: AbortSignal, other: AbortSignal | null | undefined): AbortSignal {
  return other ? AbortSignal.any([one, other]) : one;
}
