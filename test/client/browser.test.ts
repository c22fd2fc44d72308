// The client in headless Chromium, on a page of another origin: gRPC-web and Connect, CORS for real.

import type { Page } from "playwright-core";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bundleForBrowser, servePage, useBrowser } from "../helpers/browser.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { startServer, type TestServer } from "../helpers/server.ts";

const browser = useBrowser();
let script = "";
beforeAll(async () => {
  script = await bundleForBrowser("test/client/browser-page.ts");
});

const PROTOCOLS = ["connect", "grpc-web"] as const;

/** A page of another origin than the server's, which may or may not read it. */
async function openPage(options: { readonly isAllowed: boolean; readonly token?: string }): Promise<{
  page: Page;
  server: TestServer;
  git: ControlledCollector;
}> {
  const origin = await servePage(script);
  const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
  const server = await startServer({
    collectors: [git.scheduled()],
    flags: {
      ...(options.isAllowed ? { allowedOrigins: origin } : {}),
      ...(options.token === undefined ? {} : { token: options.token }),
    },
  });
  const context = await browser().newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(origin);
  await page.waitForFunction(() => "fleetMetadata" in globalThis);
  return { page, server, git };
}

describe.each(PROTOCOLS)("%s", (protocol) => {
  test("GetMetadata", async () => {
    const { page, server } = await openPage({ isAllowed: true });
    const branch = await page.evaluate(
      async ({ url, protocol }) => {
        const client = fleetMetadata.createMetadataClient(url, { protocol });
        const { data } = await client.getMetadata({ keys: ["git_branch"] });
        return data["git_branch"]?.value?.kind.value;
      },
      { url: server.url, protocol },
    );
    expect(branch).toBe("main");
  });

  test("WatchMetadata: a stream is held, and changes arrive", async () => {
    const { page, server, git } = await openPage({ isAllowed: true });
    await page.evaluate(
      ({ url, protocol }) => {
        void fleetMetadata.watchMetadata(url, {
          protocol,
          signal: new AbortController().signal,
          onState: ({ data }) => seen.push(data["git_branch"]?.value?.kind.value),
        });
      },
      { url: server.url, protocol },
    );
    for (const branch of ["main", "a", "b"]) {
      git.set(data({ git: { branch } }));
      await page.waitForFunction((wanted) => seen.at(-1) === wanted, branch);
    }
    expect(server.subscribers()).toBe(1);
    await page.close();
    await expect.poll(() => server.subscribers(), { timeout: 10_000 }).toBe(0);
  });

  test("a token is sent, and its refusal can be read", async () => {
    const { page, server } = await openPage({ isAllowed: true, token: "s3cret" });
    const outcomes = await page.evaluate(
      ({ url, protocol }) =>
        Promise.all(
          ["s3cret", "wrong"].map(async (token) => {
            const client = fleetMetadata.createMetadataClient(url, { protocol, token });
            return client.getMetadata({}).then(
              ({ data }) => Object.keys(data),
              (error: Error) => error.message,
            );
          }),
        ),
      { url: server.url, protocol },
    );
    expect(outcomes).toEqual([["git_branch"], expect.stringContaining("unauthenticated")]);
  });

  test("an error's code, text and details arrive", async () => {
    const { page, server } = await openPage({ isAllowed: true });
    const error = await page.evaluate(
      async ({ url, protocol }) => {
        const client = fleetMetadata.createMetadataClient(url, { protocol });
        return client.getMetadata({ maxAge: { seconds: -1n, nanos: 0 } }).then(
          () => undefined,
          ({ message, details }: Error & { details: { type: string }[] }) => ({
            message,
            types: details.map(({ type }) => type),
          }),
        );
      },
      { url: server.url, protocol },
    );
    expect(error).toEqual({
      message: expect.stringMatching(/^\[invalid_argument\] max_age: /),
      types: ["google.rpc.ErrorInfo", "google.rpc.BadRequest"],
    });
  });

  test("S4: a page of an origin that is not allowed reads nothing", async () => {
    const { page, server, git } = await openPage({ isAllowed: false });
    const calls = git.calls;
    const outcome = await page.evaluate(
      async ({ url, protocol }) => {
        const client = fleetMetadata.createMetadataClient(url, { protocol });
        return client.getMetadata({}).then(
          ({ data }) => Object.keys(data),
          () => "refused",
        );
      },
      { url: server.url, protocol },
    );
    expect(outcome).toBe("refused");
    expect(git.calls).toBe(calls);
  });
});

describe("plain JSON", () => {
  test("S4: fetch and EventSource of an allowed page read, those of another do not", async () => {
    const read = ({ page, server }: { page: Page; server: TestServer }) =>
      page.evaluate(async (url) => {
        const fetched = await fetch(`${url}/metadata/git_branch`).then(
          async (response) => {
            const { value } = (await response.json()) as { value: unknown };
            return `${response.headers.get("etag") !== null} ${value}`;
          },
          () => "refused",
        );
        const events = new EventSource(`${url}/metadata/events?keys=git_branch`);
        const event = await new Promise<string>((resolve) => {
          events.addEventListener("metadata", (event) =>
            resolve(JSON.parse(String((event as MessageEvent).data)).data.git_branch.value),
          );
          events.addEventListener("error", () => resolve("refused"));
        });
        events.close();
        return { fetched, event };
      }, server.url);
    expect(await read(await openPage({ isAllowed: true }))).toEqual({ fetched: "true main", event: "main" });
    expect(await read(await openPage({ isAllowed: false }))).toEqual({
      fetched: "refused",
      event: "refused",
    });
  });
});
