// What the page looks like in the states that people meet, for people to look at: test-pictures/.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildPage } from "../../scripts/build-page.ts";
import { useBrowser } from "../helpers/browser.ts";
import { PAGE_STATES } from "../helpers/page-states.ts";
import { startServer } from "../helpers/server.ts";
import { openStatusPage, untilLive } from "../helpers/status-page.ts";

const browser = useBrowser();
const folder = join(import.meta.dirname, "../../test-pictures");
let html = "";
beforeAll(async () => {
  html = await buildPage();
  mkdirSync(folder, { recursive: true });
  console.log(`pictures of the page: ${folder}`);
});

const LOOKS = (["light", "dark"] as const).flatMap((colorScheme) =>
  [
    { colorScheme, size: "wide", viewport: { width: 1_120, height: 700 } },
    { colorScheme, size: "narrow", viewport: { width: 390, height: 844 } },
  ].map((look) => [`${look.colorScheme}, ${look.size}`, look] as const),
);

describe.each(Object.entries(PAGE_STATES))("%s", (state, sources) => {
  test.each(LOOKS)(
    "%s: all of it is within the window's width",
    async (_, { colorScheme, size, viewport }) => {
      const server = await startServer({ collectors: sources().collectors, page: html });
      const { page } = await openStatusPage(browser(), server.url, { colorScheme, viewport });
      await untilLive(page);
      const name = `${state} ${size} ${colorScheme}`.replaceAll(" ", "-").toLowerCase();
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
      const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
      expect(widths).toEqual([viewport.width, viewport.width]);
    },
  );
});

describe.each(LOOKS)("%s", (_, { colorScheme, size, viewport }) => {
  const picture = (name: string): string => join(folder, `${name}-${size}-${colorScheme}.png`);

  test("the server is away", async () => {
    const server = await startServer({
      collectors: PAGE_STATES["all well"]?.().collectors ?? [],
      page: html,
    });
    const { page } = await openStatusPage(browser(), server.url, { colorScheme, viewport });
    await untilLive(page);
    await server.close();
    await page.getByRole("button", { name: "Try now" }).waitFor();
    await page.screenshot({ path: picture("reconnecting") });
  });

  test("the server wants its token", async () => {
    const server = await startServer({ page: html, flags: { token: "s3cret" } });
    const { page } = await openStatusPage(browser(), server.url, { colorScheme, viewport });
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("does not accept").waitFor();
    await page.screenshot({ path: picture("token") });
  });
});
