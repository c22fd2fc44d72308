// Connect for Node.

import { connect } from "node:net";
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { type Caller, type Endpoint, KEY, unexpected } from "./caller.ts";
import type { Protocol } from "./combinations.ts";
import { read, watch } from "./connect-client.ts";

export const connectNode: Caller = {
  read: (protocol, endpoint) => read(open(protocol, endpoint), KEY),
  watch: (protocol, endpoint, onBranch, signal) => watch(open(protocol, endpoint), KEY, onBranch, signal),
};

function open(protocol: Protocol, endpoint: Endpoint): Transport {
  const baseUrl = endpoint.url;
  const connection = connectionOf(endpoint);
  switch (protocol) {
    case "gRPC":
      return createGrpcTransport({ baseUrl, ...connection });
    case "gRPC-web":
      return createGrpcWebTransport({ baseUrl, ...connection });
    case "Connect POST":
      return createConnectTransport({ baseUrl, ...connection });
    case "Connect GET":
      return createConnectTransport({ baseUrl, ...connection, useHttpGet: true });
    default:
      return unexpected(protocol);
  }
}

function connectionOf({ version, url, socketPath, certificate }: Endpoint) {
  const trust = certificate === undefined ? {} : { ca: certificate.cert };
  if (version === "1.1") {
    const nodeOptions = { ...trust, ...(socketPath === undefined ? {} : { socketPath }) };
    return { httpVersion: "1.1", nodeOptions } as const;
  }
  const socket = socketPath === undefined ? {} : { createConnection: () => connect(socketPath) };
  const sessionManager = new Http2SessionManager(url, {}, { ...trust, ...socket });
  onTestFinished(() => sessionManager.abort());
  return { httpVersion: "2", sessionManager } as const;
}
