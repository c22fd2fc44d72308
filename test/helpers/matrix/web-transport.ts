// The transports of Connect for web, for Node and for the page in a browser.

import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

/** @param protocol one of the matrix that is no plain JSON and no gRPC. */
export function webTransport(protocol: string, baseUrl: string, fetch = globalThis.fetch): Transport {
  const options = { baseUrl, fetch, useBinaryFormat: true };
  return protocol === "gRPC-web"
    ? createGrpcWebTransport(options)
    : createConnectTransport({ ...options, useHttpGet: protocol === "Connect GET" });
}
