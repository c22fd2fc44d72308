// Every way to call the service: each protocol by Connect's own clients, over HTTP/1.1 and HTTP/2.

import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import {
  createConnectTransport as createWebConnectTransport,
  createGrpcWebTransport as createWebGrpcWebTransport,
} from "@connectrpc/connect-web";
import { onTestFinished } from "vitest";
import { MetadataService } from "../../src/gen/fleet/metadata/v1/service_pb.ts";

export type MetadataClient = Client<typeof MetadataService>;

/** Makes a transport; `sessionManager` is for those that speak HTTP/2. */
type MakeTransport = (baseUrl: string, sessionManager: Http2SessionManager) => Transport;

export const TRANSPORTS = {
  "Connect, HTTP/1.1": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect, HTTP/2": (baseUrl, sessionManager) =>
    createConnectTransport({ baseUrl, httpVersion: "2", sessionManager }),
  "Connect with JSON, HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect with JSON, HTTP/2": (baseUrl, sessionManager) =>
    createConnectTransport({ baseUrl, httpVersion: "2", sessionManager, useBinaryFormat: false }),
  "Connect GET, HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true }),
  "Connect GET with JSON, HTTP/2": (baseUrl, sessionManager) =>
    createConnectTransport({
      baseUrl,
      httpVersion: "2",
      sessionManager,
      useHttpGet: true,
      useBinaryFormat: false,
    }),
  "gRPC, HTTP/2": (baseUrl, sessionManager) => createGrpcTransport({ baseUrl, sessionManager }),
  "gRPC-web, HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-web, HTTP/2": (baseUrl, sessionManager) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", sessionManager }),
  "gRPC-web with JSON, HTTP/2": (baseUrl, sessionManager) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", sessionManager, useBinaryFormat: false }),
  "Connect of browsers": (baseUrl) => createWebConnectTransport({ baseUrl }),
  "Connect of browsers, GET with binary": (baseUrl) =>
    createWebConnectTransport({ baseUrl, useBinaryFormat: true, useHttpGet: true }),
  "gRPC-web of browsers": (baseUrl) => createWebGrpcWebTransport({ baseUrl }),
} as const satisfies Record<string, MakeTransport>;

export type TransportName = keyof typeof TRANSPORTS;

export const TRANSPORT_NAMES = Object.keys(TRANSPORTS) as TransportName[];

/** A client, whose connections end with the test. */
export function createTestClient(name: TransportName, url: string): MetadataClient {
  const sessions = new Http2SessionManager(url);
  onTestFinished(() => sessions.abort());
  const make: MakeTransport = TRANSPORTS[name];
  return createClient(MetadataService, make(url, sessions));
}
