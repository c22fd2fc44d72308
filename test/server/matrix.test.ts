// Every protocol, over every transport, by every client: each combination works, or has a reason why it cannot be.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleForBrowser, openPageServer, useBrowser } from "../helpers/browser.ts";
import { createCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { bufCurl } from "../helpers/matrix/buf-curl.ts";
import type { Caller, Endpoint } from "../helpers/matrix/caller.ts";
import { createChromium } from "../helpers/matrix/chromium.ts";
import {
  type ClientName,
  COMBINATIONS,
  type Combination,
  canWatch,
  nameOf,
  REASONS,
  renderTable,
  whyNot,
} from "../helpers/matrix/combinations.ts";
import { connectNode } from "../helpers/matrix/connect-node.ts";
import { connectWeb } from "../helpers/matrix/connect-web.ts";
import { curl } from "../helpers/matrix/curl.ts";
import { grpcJs } from "../helpers/matrix/grpc-js.ts";
import { followRequests } from "../helpers/matrix/requests.ts";
import { type TestServer, useServer } from "../helpers/server.ts";
import { until, within } from "../helpers/wait.ts";

/** Of one call, in milliseconds: Chromium has pages to open. */
const DEADLINE_MS = 20_000;

const directory = mkdtempSync(join(tmpdir(), "fleet-matrix-"));
const socketPath = join(directory, "socket");
let certificate: TestCertificate;
let page: Awaited<ReturnType<typeof openPageServer>>;

beforeAll(async () => {
  certificate = await createCertificate(directory);
  page = await openPageServer(await bundleForBrowser("test/helpers/matrix/page.ts"));
});
afterAll(() => {
  page.close();
  rmSync(directory, { recursive: true });
});

const browsers = { "1.1": useBrowser("--disable-http2"), "2": useBrowser() };

/** A server, and what it finds. */
interface Served {
  readonly server: () => TestServer;
  readonly git: ControlledCollector;
}

function serve(flags: () => Record<string, string>): Served {
  const git = new ControlledCollector("git", data({ git: { branch: "first" } }));
  const server = useServer(() => ({
    collectors: [git.scheduled()],
    flags: { allowedOrigins: page.origin, ...flags() },
  }));
  return { server, git };
}

const cleartext = serve(() => ({}));
const tls = serve(() => ({ tlsCert: certificate.certFile, tlsKey: certificate.keyFile }));
const unix = serve(() => ({ listen: `unix:${socketPath}` }));

function endpointOf({ transport }: Combination): { readonly served: Served; readonly endpoint: Endpoint } {
  const version = transport.startsWith("HTTP/2") ? "2" : "1.1";
  if (transport.endsWith("Unix")) {
    return { served: unix, endpoint: { version, url: "http://localhost", socketPath } };
  }
  if (transport.endsWith("TLS")) {
    return { served: tls, endpoint: { version, url: `https://localhost:${tls.server().port}`, certificate } };
  }
  return { served: cleartext, endpoint: { version, url: cleartext.server().url } };
}

function callerOf(client: ClientName): Caller {
  const callers: Readonly<Record<ClientName, Caller>> = {
    "Connect for Node": connectNode,
    "Connect for web": connectWeb,
    "grpc-js": grpcJs,
    "buf curl": bufCurl,
    curl,
    Chromium: createChromium(browsers, page.origin),
  };
  return callers[client];
}

/** What was seen to work, for the table. */
const seen = new Map<string, string>();

const possible = COMBINATIONS.filter((combination) => whyNot(combination) === undefined);

test.each(possible.map((combination) => [nameOf(combination), combination] as const))(
  "%s",
  { timeout: 4 * DEADLINE_MS },
  async (name, combination) => {
    const { client, protocol, transport } = combination;
    const { served, endpoint } = endpointOf(combination);
    const caller = callerOf(client);
    const requests = followRequests();
    served.git.set(data({ git: { branch: "first" } }));
    expect(await within(DEADLINE_MS, "the answer", caller.read(protocol, endpoint))).toBe("first");
    seen.set(name, "read");
    if (canWatch(combination)) {
      await watch(combination, served);
      seen.set(name, "read, watch");
    }
    // The client has done what this combination says, and not something else that works too.
    expect(new Set(requests())).toEqual(new Set([`${protocol}, ${transport.split(" ")[0]}`]));
  },
);

/** The first message, and one for a change. */
async function watch(combination: Combination, { git }: Served): Promise<void> {
  const { endpoint } = endpointOf(combination);
  const branches: unknown[] = [];
  const enough = new AbortController();
  const failed = callerOf(combination.client)
    .watch(combination.protocol, endpoint, (branch) => branches.push(branch), enough.signal)
    .catch((error: unknown) => {
      if (!enough.signal.aborted) {
        branches.push(error);
      }
    });
  await until(() => branches.length > 0, "the first message", DEADLINE_MS);
  expect(branches).toEqual(["first"]);
  git.set(data({ git: { branch: "second" } }));
  await until(() => branches.length > 1, "the change", DEADLINE_MS);
  expect(branches).toEqual(["first", "second"]);
  enough.abort();
  await within(DEADLINE_MS, "the end", failed);
}

test("each combination is seen to work or has its reason, and the table in the documentation says so", async () => {
  const promised = (combination: Combination): string =>
    whyNot(combination) ?? (canWatch(combination) ? "read, watch" : "read");
  const found = (combination: Combination): string =>
    whyNot(combination) ?? seen.get(nameOf(combination)) ?? "?";
  const given = new Set(COMBINATIONS.map(whyNot));
  expect(Object.keys(REASONS).filter((letter) => !given.has(letter as keyof typeof REASONS))).toEqual([]);
  const legend = Object.entries(REASONS).map(([letter, reason]) => `- ${letter}: ${reason}.`);
  console.log([renderTable(found), "", ...legend].join("\n"));
  await expect(documentOf(renderTable(promised), legend)).toMatchFileSnapshot("../../docs/matrix.md");
  expect(renderTable(found)).toBe(renderTable(promised));
});

function documentOf(table: string, legend: readonly string[]): string {
  return [
    "# Protocols, transports, clients",
    "",
    "What test/server/matrix.test.ts has seen to work, which also writes this page: `read` is a call of GetMetadata, `watch` the",
    "first message and one change of WatchMetadata (of plain JSON: `GET /metadata` and `GET /metadata/events`). A letter",
    "stands for the reason why a combination cannot be. To write it anew: `npm test -- test/server/matrix.test.ts -u`.",
    "",
    table,
    "",
    ...legend,
    "- A stream of Connect is a POST, so that GET has `read` alone.",
    "",
  ].join("\n");
}
