// Headless Chromium, on a page of another origin than the server's.

import type { Browser, Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { type Caller, type Endpoint, KEY } from "./caller.ts";

/**
 * @param browserFor one that takes HTTP/2 where it is offered, and one that does not.
 * @param origin where a page is that loads `page.ts`.
 */
export function createChromium(
  browserFor: Record<Endpoint["version"], () => Browser>,
  origin: string,
): Caller {
  async function open({ version }: Endpoint, onBranch: (branch: unknown) => void): Promise<Page> {
    const context = await browserFor[version]().newContext({ ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.exposeFunction("branchSeen", onBranch);
    await page.goto(origin);
    await page.waitForFunction(() => "matrix" in globalThis);
    return page;
  }

  return {
    read: async (protocol, endpoint) => {
      const page = await open(endpoint, () => undefined);
      const call = [protocol, endpoint.url, KEY] as const;
      return await page.evaluate((args) => matrix.read(...args), call);
    },
    watch: async (protocol, endpoint, onBranch, signal) => {
      const page = await open(endpoint, onBranch);
      const call = [protocol, endpoint.url, KEY] as const;
      const failure = page.evaluate((args) => matrix.watch(...args), call);
      await Promise.race([failure, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
      failure.catch(() => undefined);
      await page.close();
    },
  };
}
