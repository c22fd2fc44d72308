// The plain calls, in Node and in what a browser gets, on real servers.

import { getEventListeners } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { rolldown } from "rolldown";
import { describe, expect, onTestFinished, test } from "vitest";
import * as browser from "../../src/client/browser.ts";
import * as node from "../../src/client/index.ts";
import type { CreateMetadataClient, MetadataClient } from "../../src/client/metadata-client.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { startNonsensePeer, startSilentPeer, startWire } from "../helpers/peers.ts";
import { emptyDirectory } from "../helpers/program.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

const IN_NODE = ["connect", "grpc", "grpc-web"] as const;
const CLIENTS: readonly (readonly [string, CreateMetadataClient, node.Protocol])[] = [
  ...IN_NODE.map((protocol) => [`${protocol}, Node`, node.createMetadataClient, protocol] as const),
  ["connect, browser", browser.createMetadataClient, "connect"],
  ["grpc-web, browser", browser.createMetadataClient, "grpc-web"],
];

const startMain = (flags = {}): Promise<TestServer> => {
  const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
  return startServer({ collectors: [git.scheduled()], flags });
};

function made(
  create: CreateMetadataClient,
  url: string,
  options: node.MetadataClientOptions,
): MetadataClient {
  const client = create(url, options);
  onTestFinished(() => client.close());
  return client;
}

const branch = async (client: MetadataClient): Promise<unknown> =>
  (await client.getMetadata({ keys: ["git_branch"] })).data["git_branch"]?.value?.kind.value;

const codeOf = async (call: Promise<unknown>): Promise<string | undefined> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return error && Code[error.code];
};

describe.each(CLIENTS)("%s", (_, create, protocol) => {
  test("calls, with and without a token", async () => {
    const server = await startMain({ token: "s3cret" });
    const wrong = made(create, server.url, { protocol });
    expect(await codeOf(wrong.listKeys({}))).toBe("Unauthenticated");
    const right = made(create, server.url, { protocol, token: "s3cret" });
    expect(await branch(right)).toBe("main");
  });

  test("asks for the token before every call, and waits for it no longer than for the call", async () => {
    const server = await startMain({ token: "second" });
    const tokens = ["first", "second"];
    const client = made(create, server.url, { protocol, token: async () => tokens.shift() ?? "" });
    expect(await codeOf(client.listKeys({}))).toBe("Unauthenticated");
    expect(await codeOf(client.listKeys({}))).toBe(undefined);
    const never = made(create, server.url, {
      protocol,
      token: () => new Promise(() => undefined),
      timeoutMs: 50,
    });
    expect(await codeOf(never.listKeys({}))).toBe("DeadlineExceeded");
  });

  test("gives up after timeoutMs", async () => {
    const client = made(create, await startSilentPeer(), { protocol, timeoutMs: 50 });
    expect(await codeOf(client.getMetadata({}))).toBe("DeadlineExceeded");
  });

  test("a stream ends with the loop that reads it", async () => {
    const server = await startMain();
    const wire = await startWire(server.port);
    const client = made(create, wire.url, { protocol });
    const caller = new AbortController();
    for await (const { metadata } of client.watchMetadata({}, { timeoutMs: 0, signal: caller.signal })) {
      expect(metadata?.data["git_branch"]?.value?.kind.value).toBe("main");
      break;
    }
    await until(() => server.subscribers() === 0, "nobody watches", 6_000);
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
  });

  test("a stream that waits for a message ends when its reader leaves", async () => {
    const server = await startMain();
    const client = made(create, server.url, { protocol });
    const messages = client.watchMetadata({}, { timeoutMs: 0 })[Symbol.asyncIterator]();
    await messages.next();
    const waiting = codeOf(messages.next());
    expect(await within(6_000, "it ends", Promise.resolve(messages.return?.()))).toMatchObject({
      done: true,
    });
    expect(await waiting).toBe("Canceled");
    await until(() => server.subscribers() === 0, "nobody watches", 6_000);
  });

  test("a stream ends with its signal, and says so", async () => {
    const server = await startMain();
    const client = made(create, server.url, { protocol });
    const caller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of client.watchMetadata({}, { timeoutMs: 0, signal: caller.signal })) {
        caller.abort();
      }
    };
    expect(await codeOf(read())).toBe("Canceled");
    await until(() => server.subscribers() === 0, "nobody watches", 6_000);
  });

  test("refuses a protocol that is none, and a time that no timer can be set to", () => {
    for (const wrong of ["gRPC", "http", ""]) {
      const options = { protocol: wrong as node.Protocol };
      expect(() => create("http://127.0.0.1:1", options)).toThrow(
        new TypeError(`protocol: "${wrong}" is not valid; allowed are "connect", "grpc" and "grpc-web"`),
      );
    }
    for (const timeoutMs of [Number.POSITIVE_INFINITY, Number.NaN, -1, 2 ** 31]) {
      expect(() => create("http://127.0.0.1:1", { protocol, timeoutMs })).toThrow(
        new RangeError(
          `timeoutMs: ${timeoutMs} is not valid; allowed is 0 (no limit) up to 2147483647 milliseconds`,
        ),
      );
    }
  });

  test("refuses an address that is none", () => {
    for (const url of ["nowhere", "ftp://127.0.0.1:1", ""]) {
      expect(() => create(url, { protocol })).toThrow(TypeError);
    }
  });
});

describe.each(IN_NODE)("%s in Node", (protocol) => {
  test("uses one connection for calls that follow each other, and none after close", async () => {
    const server = await startMain();
    const wire = await startWire(server.port);
    const client = made(node.createMetadataClient, wire.url, { protocol });
    for (let call = 0; call < 20; call += 1) {
      await client.getMetadata({});
    }
    expect(wire.connections()).toBe(1);
    client.close();
    client.close();
    await until(() => wire.open() === 0, "the connection is gone");
    // A later call is a new beginning.
    expect(await branch(client)).toBe("main");
  });

  test("calls again after the connection broke", async () => {
    const server = await startMain();
    const wire = await startWire(server.port);
    const client = made(node.createMetadataClient, wire.url, { protocol });
    await client.getMetadata({});
    wire.cut();
    await until(() => server.openSockets() === 0, "the connection is gone");
    expect(await branch(client)).toBe("main");
  });

  test("calls on a Unix socket", async () => {
    const path = join(emptyDirectory(), "socket");
    await startMain({ listen: `unix:${path}` });
    expect(await branch(made(node.createMetadataClient, `unix:${path}`, { protocol }))).toBe("main");
  });

  test("an answer of nonsense fails the call and nothing else", async () => {
    const client = node.createMetadataClient(await startNonsensePeer(), { protocol });
    const failed = codeOf(client.getMetadata({}));
    expect(await failed).toBe("Internal");
    client.close();
  });
});

test("a browser has no gRPC", () => {
  expect(() => browser.createMetadataClient("http://127.0.0.1:1", { protocol: "grpc" })).toThrow(/grpc-web/);
});

test("the entry for browsers bundles without a module of Node", async () => {
  const file = join(emptyDirectory(), "browser.mjs");
  const bundle = await rolldown({ input: "src/client/browser.ts", platform: "browser", logLevel: "silent" });
  const { output } = await bundle.write({ file, format: "esm" });
  await bundle.close();
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
  expect(output[0].dynamicImports).toEqual([]);
  const bundled = (await import(pathToFileURL(file).href)) as typeof browser;
  const server = await startMain();
  expect(await branch(made(bundled.createMetadataClient, server.url, {}))).toBe("main");
});
