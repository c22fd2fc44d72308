// One port over TLS: every protocol, by ALPN, and what is not TLS.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { Client, credentials } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { MetadataService } from "../../src/gen/fleet/metadata/v1/service_pb.ts";
import { createCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { openSocket, readToEnd } from "../helpers/raw-http.ts";
import { startServer, type TestServer, type TestServerOptions } from "../helpers/server.ts";
import { within } from "../helpers/wait.ts";

const run = promisify(execFile);

async function startTls(
  options: TestServerOptions = {},
): Promise<{ server: TestServer; certificate: TestCertificate }> {
  const certificate = await createCertificate();
  const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
  const server = await startServer({
    ...options,
    collectors: [git.scheduled()],
    flags: { tlsCert: certificate.certFile, tlsKey: certificate.keyFile },
  });
  return { server, certificate };
}

/** A TLS connection, once its handshake is done. */
async function openTls({ host, port }: TestServer, ca: string, ALPNProtocols?: string[]): Promise<TLSSocket> {
  const socket = connectTls({ host, port, ca, ...(ALPNProtocols ? { ALPNProtocols } : {}) });
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await within(10_000, "the handshake", once(socket, "secureConnect"));
  return socket;
}

test.each(["--http1.1", "--http2"])("curl %s", async (version) => {
  const { server, certificate } = await startTls();
  const args = ["-sS", version, "--cacert", certificate.certFile, "-w", "\n%{http_version}"];
  const { stdout } = await run("curl", [...args, `${server.url}/metadata/git_branch`], { timeout: 20_000 });
  const [body = "", used] = stdout.split("\n").filter((line) => line !== "");
  expect(JSON.parse(body)).toMatchObject({ value: "main" });
  expect(used).toBe(version === "--http2" ? "2" : "1.1");
});

type MakeTransport = (baseUrl: string, ca: string) => Transport;

test.each<[string, MakeTransport]>([
  ["gRPC", (baseUrl, ca) => createGrpcTransport({ baseUrl, nodeOptions: { ca } })],
  [
    "gRPC-web over HTTP/1.1",
    (baseUrl, ca) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { ca } }),
  ],
  [
    "gRPC-web over HTTP/2",
    (baseUrl, ca) => createGrpcWebTransport({ baseUrl, httpVersion: "2", nodeOptions: { ca } }),
  ],
  [
    "Connect over HTTP/1.1",
    (baseUrl, ca) => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { ca } }),
  ],
  [
    "Connect over HTTP/2",
    (baseUrl, ca) => createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions: { ca } }),
  ],
])("%s reads and watches", async (_, makeTransport) => {
  const { server, certificate } = await startTls();
  const client = createClient(MetadataService, makeTransport(server.url, certificate.cert));
  const { data: entries } = await client.getMetadata({ keys: ["git_branch"] });
  expect(entries["git_branch"]?.value?.kind.value).toBe("main");
  const ended = new AbortController();
  for await (const { metadata } of client.watchMetadata({}, { signal: ended.signal })) {
    expect(metadata?.data["git_branch"]?.value?.kind.value).toBe("main");
    break;
  }
  ended.abort();
});

test("grpc-js reads", async () => {
  const { server, certificate } = await startTls();
  const client = new Client(`localhost:${server.port}`, credentials.createSsl(Buffer.from(certificate.cert)));
  onTestFinished(() => client.close());
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    client.makeUnaryRequest(
      `/${MetadataService.typeName}/GetMetadata`,
      (request: Buffer) => request,
      (response: Buffer) => response,
      Buffer.alloc(0),
      (error, response) => (error ? reject(error) : resolve(response)),
    );
  });
  expect(answer?.toString("latin1")).toContain("git_branch");
});

test.each([
  ["h2", ["h2", "http/1.1"], "h2"],
  ["http/1.1", ["http/1.1"], "http/1.1"],
  ["nothing", undefined, false],
])("a client that asks for %s gets its protocol", async (_, asked, chosen) => {
  const { server, certificate } = await startTls();
  const socket = await openTls(server, certificate.cert, asked);
  expect(socket.alpnProtocol).toBe(chosen);
});

test("TLS 1.1 is refused", async () => {
  const { server, certificate } = await startTls();
  const socket = connectTls({
    host: server.host,
    port: server.port,
    ca: certificate.cert,
    minVersion: "TLSv1.1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  const [error] = (await within(10_000, "the refusal", once(socket, "error"))) as [Error];
  expect(error.message).toMatch(/protocol version/i);
});

describe("what is not TLS, or stays silent", () => {
  test("plain HTTP is cut off, and the next client served", async () => {
    const { server, certificate } = await startTls();
    const plain = await openSocket(server);
    plain.write("GET /metadata HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(await readToEnd(plain)).not.toContain("git_branch");
    const { stdout } = await run("curl", ["-sS", "--cacert", certificate.certFile, `${server.url}/health`]);
    expect(JSON.parse(stdout)).toMatchObject({ status: "healthy" });
  });

  test("S8: a connection that is silent before or after its handshake is closed", async () => {
    const { server, certificate } = await startTls({ limits: { prefaceTimeoutMs: 200 } });
    const silent = await openSocket(server);
    const greeted = await openTls(server, certificate.cert, ["h2"]);
    await within(
      10_000,
      "both are closed",
      Promise.all([readToEnd(silent), once(greeted.resume(), "close")]),
    );
  });

  test("S18: a handshake that hangs does not keep the server", async () => {
    const { server, certificate } = await startTls();
    await openSocket(server);
    await openTls(server, certificate.cert, ["http/1.1"]);
    await within(5_000, "the server stops", server.close());
  });
});

test("S9: a head that never ends is 408 also when nothing has come for long before it", async () => {
  const { server, certificate } = await startTls({
    limits: { headersTimeoutMs: 200, timeoutCheckIntervalMs: 20 },
  });
  const socket = await openTls(server, certificate.cert);
  const text = readToEnd(socket, 5_000);
  socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await delay(500);
  socket.write("GET /health HTTP/1.1\r\nHost: loc");
  expect((await text).match(/(?<=^HTTP\/1.1 )\d+/gm)).toEqual(["200", "408"]);
});
