// The status page in headless Chromium, with an eye on everything that it asks for and that the browser objects to.

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { onTestFinished } from "vitest";

export interface OpenPage {
  readonly page: Page;
  /** Addresses that were asked for, in order. */
  readonly requests: string[];
  /** Errors in the console, uncaught exceptions, violations of the page's policy. */
  readonly complaints: string[];
}

/** Opens a page, which is closed after the test. @param prepare what is to be done before it is loaded. */
export async function openStatusPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = async () => undefined,
): Promise<OpenPage> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // That a connection failed is the browser's own line, and the subject of some tests.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  await prepare(page);
  await page.goto(url);
  return { page, requests, complaints };
}

/** Waits until the page is connected. */
export async function untilLive(page: Page): Promise<void> {
  await page.locator("#connection", { hasText: /^live$/ }).waitFor();
  await page.locator("#sources").waitFor();
}
